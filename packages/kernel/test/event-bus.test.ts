import { expect, test } from "vitest";
import { EventBus } from "../src/index.ts";
import { recordingLogger } from "./fixtures/recording-logger.ts";
import { signal } from "./fixtures/signal.ts";

class OrderEvent {
  constructor(readonly id: number) {}
}
class OrderPlaced extends OrderEvent {
  readonly type = "order.placed";
}

const setup = () => {
  const logger = recordingLogger();
  return { logger, bus: new EventBus(logger), heard: [] as string[] };
};

test("subscribers by class, by a class above, and by name are told", async () => {
  const { bus, heard } = setup();
  bus.subscribe(OrderPlaced, (event) => heard.push(`class ${event.id}`));
  bus.subscribe(OrderEvent, (event) => heard.push(`parent ${event.id}`));
  bus.subscribe("order.placed", () => heard.push("name"));
  bus.subscribe("OrderEvent", () => heard.push("class name"));
  await bus.publish(new OrderPlaced(1));
  expect(heard.sort()).toEqual(["class 1", "name", "parent 1"]);
  heard.length = 0;
  await bus.publish(new OrderEvent(2));
  expect(heard.sort()).toEqual(["class name", "parent 2"]);
  await bus.publish({ type: "order.placed" });
  expect(heard).toContain("name");
});

test("a subscriber that fails concerns nobody else, and is logged", async () => {
  const { bus, heard, logger } = setup();
  bus.subscribe("x", () => {
    throw new Error("no");
  });
  bus.subscribe("x", () => Promise.reject(new Error("neither")));
  bus.subscribe("x", () => heard.push("told"));
  await bus.publish({ type: "x" });
  expect(heard).toEqual(["told"]);
  expect(logger.lines.map(({ level }) => level)).toEqual(["error", "error"]);
});

test("publish waits for every subscriber, and none waits for another", async () => {
  const { bus, heard } = setup();
  const gate = signal();
  bus.subscribe("x", async () => {
    await gate.fired;
    heard.push("slow");
  });
  bus.subscribe("x", () => {
    heard.push("quick");
    gate.fire();
  });
  await bus.publish({ type: "x" });
  expect(heard).toEqual(["quick", "slow"]);
});

test("a subscription is taken back alone, and twice is no harm", async () => {
  const { bus, heard } = setup();
  const handler = (): unknown => heard.push("told");
  const remove = bus.subscribe("x", handler);
  bus.subscribe("x", handler);
  remove();
  remove();
  await bus.publish({ type: "x" });
  expect(heard).toEqual(["told"]);
  expect(bus.hasSubscribers("x")).toBe(true);
  expect(bus.hasSubscribers("y")).toBe(false);
  bus.subscribe("y", handler)();
  expect(bus.hasSubscribers("y")).toBe(false);
});

test("an object without a class can be published", async () => {
  const { bus } = setup();
  bus.subscribe("x", () => {});
  await expect(bus.publish(Object.create(null) as object)).resolves.toBeUndefined();
});
