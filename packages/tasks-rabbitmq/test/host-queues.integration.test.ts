import { hostname } from "node:os";
import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { describe, expect, onTestFinished, test } from "vitest";
import { type RabbitServer, serverOfTest } from "./rabbit-server.ts";

/** An application of one machine. Where the server is, is another matter. */
async function machine({ url, namespace }: RabbitServer, host: string) {
  const where = task({ name: "where" }, () => host);
  const entry = { type: "rabbitmq", amqpUrl: url, extra: { namespace } };
  const app = await Application.boot({
    modules: [
      TasksModule.configure({
        workerCount: 1,
        enableScheduler: false,
        backends: [
          { ...entry, name: "files", consume: false },
          { ...entry, name: "here", queueName: "files", host },
        ],
      }),
      TasksModule.scope(where),
    ],
    config: { logging: { level: "error" } },
  });
  onTestFinished(() => app.stop());
  return { where, dispatcher: app.get(TaskDispatcher) };
}

describe("jobs for one machine on RabbitMQ", { timeout: 60_000 }, () => {
  test("run there, whoever sends them, and their results come back", async () => {
    const server = await serverOfTest();
    for (const queue of ["files", "files.two", `files.${hostname()}`]) server.names(queue);
    const one = await machine(server, "localhost");
    const two = await machine(server, "two");
    const calls = [
      one.dispatcher.enqueue(one.where, undefined, { host: "two" }),
      two.dispatcher.enqueue(two.where, undefined, { host: hostname() }),
      one.dispatcher.enqueue(one.where, undefined, { host: "localhost" }),
    ];
    const handles = await Promise.all(calls);
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: "20s" })));
    expect(results).toEqual(["two", "localhost", "localhost"]);
  });
});
