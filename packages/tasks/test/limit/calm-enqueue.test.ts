import { describe, expect, test } from "vitest";
import { z } from "zod";
import { task } from "../../src/index.ts";
import { createTestApp } from "../../src/testing.ts";

const ran: string[] = [];
const index = task(
  {
    name: "index",
    input: z.object({ doc: z.string(), text: z.string() }),
    debounce: { wait: "5s", key: ({ doc }) => doc },
  },
  ({ doc, text }) => void ran.push(`${doc}:${text}`),
);
const ping = task(
  { name: "ping", input: z.string(), throttle: { per: "1m" } },
  (host) => void ran.push(host),
);
const plain = task({ name: "plain", input: z.string() }, (input) => void ran.push(input));

async function app() {
  ran.length = 0;
  return createTestApp({ tasks: [index, ping, plain] });
}

describe("debounce", () => {
  test("runs the last call of a burst, once it has calmed down", async () => {
    await using t = await app();
    await t.tasks.enqueue(index, { doc: "a", text: "1" });
    await t.clock.advance("4s");
    await t.tasks.enqueue(index, { doc: "a", text: "2" });
    await t.clock.advance("4s");
    await t.drain();
    expect(ran).toEqual([]);
    await t.clock.advance("1s");
    await t.drain();
    expect(ran).toEqual(["a:2"]);
  });

  test("keeps calls of different keys apart", async () => {
    await using t = await app();
    await t.tasks.enqueue(index, { doc: "a", text: "1" });
    await t.tasks.enqueue(index, { doc: "b", text: "1" });
    await t.clock.advance("5s");
    await t.drain();
    expect(ran.toSorted()).toEqual(["a:1", "b:1"]);
  });

  test("begins anew once a job of the key has started", async () => {
    await using t = await app();
    await t.tasks.enqueue(index, { doc: "a", text: "1" });
    await t.clock.advance("5s");
    await t.drain();
    await t.tasks.enqueue(index, { doc: "a", text: "2" });
    await t.clock.advance("5s");
    await t.drain();
    expect(ran).toEqual(["a:1", "a:2"]);
  });

  test("can be said by one call", async () => {
    await using t = await app();
    const options = { debounce: { wait: "2s", key: "k" } } as const;
    await t.tasks.enqueue(plain, "first", options);
    await t.tasks.enqueue(plain, "second", options);
    await t.clock.advance("2s");
    await t.drain();
    expect(ran).toEqual(["second"]);
  });
});

describe("throttle", () => {
  test("runs the first call and answers the others with it, for its span", async () => {
    await using t = await app();
    const first = await t.tasks.enqueue(ping, "one");
    const second = await t.tasks.enqueue(ping, "two");
    expect(second.id).toBe(first.id);
    await t.drain();
    expect((await t.tasks.enqueue(ping, "three")).id).toBe(first.id);
    await t.clock.advance("1m");
    expect((await t.tasks.enqueue(ping, "four")).id).not.toBe(first.id);
    await t.drain();
    expect(ran).toEqual(["one", "four"]);
  });

  test("can be said by one call", async () => {
    await using t = await app();
    const options = { throttle: { per: "10s" } } as const;
    await t.tasks.enqueue(plain, "first", options);
    await t.tasks.enqueue(plain, "second", options);
    await t.drain();
    expect(ran).toEqual(["first"]);
  });
});

describe("a call against bursts", () => {
  test.each([
    [{ debounce: { wait: 0 } }, "debounce.wait"],
    [{ debounce: { wait: "5s", kye: "a" } }, "kye"],
    [{ debounce: 5 }, "debounce"],
    [{ debounce: { wait: "5s", key: "" } }, "debounce.key"],
    [{ debounce: { wait: "5s" }, delay: "1s" }, "debounce"],
    [{ throttle: { per: -1 } }, "throttle.per"],
    [{ throttle: { per: "5s" }, unique: { key: "a" } }, "throttle"],
    [{ throttle: { per: "5s" }, debounce: { wait: "5s" } }, "throttle"],
  ])("is refused by name when it is wrong: %j", async (options, path) => {
    await using t = await app();
    await expect(t.tasks.enqueue(plain, "x", options as object)).rejects.toMatchObject({
      code: "LEX_ERR_TASK_VALIDATION",
      fields: { issues: [{ path }] },
    });
  });

  test.each([
    [{ debounce: { wait: 0 } }, "debounce.wait"],
    [{ throttle: {} }, "throttle.per"],
    [{ throttle: { per: "5s" }, idempotencyKey: "a" }, "throttle"],
    [{ debounce: { wait: "5s", key: "" } }, "debounce.key"],
  ])("cannot be part of a task when it is wrong: %j", (options, path) => {
    const make = (): unknown => task({ name: "bad", ...(options as object) }, () => undefined);
    expect(make).toThrow(expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG", fields: { path } }));
  });
});
