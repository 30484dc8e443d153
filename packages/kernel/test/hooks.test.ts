import { expect, test } from "vitest";
import { HookPriority, HookRegistry } from "../src/index.ts";
import { recordingLogger } from "./fixtures/recording-logger.ts";
import { settle, signal } from "./fixtures/signal.ts";

const setup = () => {
  const logger = recordingLogger();
  return { logger, hooks: new HookRegistry(logger), heard: [] as string[] };
};

test("actions run one after the other, lower priority first, equals in the order of registration", async () => {
  const { hooks, heard } = setup();
  const gate = signal();
  hooks.registerAction("x", () => heard.push("late"), { priority: HookPriority.LATE });
  hooks.registerAction(
    "x",
    async () => {
      await gate.fired;
      heard.push("early");
    },
    { priority: HookPriority.EARLY },
  );
  hooks.registerAction("x", () => heard.push("first"));
  hooks.registerAction("x", () => heard.push("second"));
  const calling = hooks.callAction("x", {});
  await settle();
  expect(heard).toEqual([]);
  gate.fire();
  await calling;
  expect(heard).toEqual(["early", "first", "second", "late"]);
});

test("an action that throws is logged, and the next one runs", async () => {
  const { hooks, heard, logger } = setup();
  const error = new Error("no");
  hooks.registerAction("x", () => Promise.reject(error));
  hooks.registerAction("x", (payload) => heard.push(String(payload)));
  await hooks.callAction("x", "payload");
  expect(heard).toEqual(["payload"]);
  expect(logger.lines).toEqual([
    { level: "error", message: "a hook action failed", fields: { hook: "x", error } },
  ]);
});

test("an action that runs once runs once, also when two calls race", async () => {
  const { hooks, heard } = setup();
  hooks.registerAction("x", () => heard.push("once"), { once: true });
  await Promise.all([hooks.callAction("x", {}), hooks.callAction("x", {})]);
  expect(heard).toEqual(["once"]);
  expect(hooks.hasAction("x")).toBe(false);
});

test("whether anyone listens is known, and forgotten when they leave", () => {
  const { hooks } = setup();
  const action = (): void => {};
  expect(hooks.hasAction("x")).toBe(false);
  const remove = hooks.registerAction("x", action);
  hooks.registerAction("x", action);
  expect(hooks.hasAction("x")).toBe(true);
  remove();
  remove();
  expect(hooks.hasAction("x")).toBe(true);
  hooks.unregisterAction("x", action);
  expect(hooks.hasAction("x")).toBe(false);
  hooks.registerFilter("x", (value) => value);
  hooks.clear();
  expect(hooks.hasFilter("x")).toBe(false);
});

test("a call runs those who were there when it began", async () => {
  const { hooks, heard } = setup();
  hooks.registerAction("x", () => {
    hooks.registerAction("x", () => heard.push("newcomer"));
  });
  await hooks.callAction("x", {});
  expect(heard).toEqual([]);
});

test("filters hand a value on, and what they throw is thrown", async () => {
  const { hooks } = setup();
  hooks.registerFilter("price", (value) => (value as number) * 2);
  hooks.registerFilter("price", async (value, context) => (value as number) + (context as number), {
    priority: HookPriority.EARLY,
  });
  expect(await hooks.applyFilters("price", 1, 10)).toBe(22);
  expect(await hooks.applyFilters("nobody", "same")).toBe("same");
  const refuse = (): never => {
    throw new Error("refused");
  };
  hooks.registerFilter("price", refuse);
  await expect(hooks.applyFilters("price", 1, 10)).rejects.toThrow("refused");
  hooks.unregisterFilter("price", refuse);
  expect(await hooks.applyFilters("price", 1, 10)).toBe(22);
});
