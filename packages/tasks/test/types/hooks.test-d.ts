import { Application } from "@lexigram/kernel";
import "@lexigram/tasks";

// Written as an application writes it, from the packages' doors alone; also compiled against what is published.

const { hooks } = new Application();

export const all = [
  hooks.registerAction("task.completed", ({ queueName, durationMs }) => queueName.repeat(durationMs)),
  hooks.registerAction("task.retried", ({ delayMs, error }) => error.message.repeat(delayMs)),
  // @ts-expect-error -- a job that is done was given no reason
  hooks.registerAction("task.completed", ({ reason }) => reason),
  hooks.registerAction("application.started", ({ durationMs }) => durationMs.toFixed()),
];
