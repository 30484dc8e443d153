import { ManualClock } from "@lexigram/conformance";
import {
  ClosedError,
  type JsonValue,
  type StateStoreProtocol,
  TaskConfigError,
  TaskValidationError,
} from "@lexigram/contracts";
import { memoryBackend } from "@lexigram/tasks";
import { beforeEach, describe, expect, test } from "vitest";
import { RedisStateStore, type RedisStateStoreOptions } from "../../src/state/redis-state-store.ts";
import { ScriptedConnection } from "./scripted-connection.ts";

let clock: ManualClock;
let connection: ScriptedConnection;
let store: RedisStateStore;

beforeEach(() => {
  clock = new ManualClock();
  connection = new ScriptedConnection();
  store = new RedisStateStore({ connection, namespace: "app", clock });
});

describe("the options", () => {
  test.each<[string, object, string]>([
    ["shard", { shard: 2 }, "shards"],
    ["namespace", { namespace: "a{b}" }, "letters"],
    ["namespace", { namespace: "" }, "letters"],
    ["namespace", { namespace: undefined }, "letters"],
    ["shards", { shards: 0 }, "256"],
    ["shards", { shards: 1.5 }, "256"],
    ["shards", { shards: 257 }, "256"],
  ])("are refused by name: %s", (path, wrong, hint) => {
    const options = { connection, namespace: "app", clock, ...wrong } as RedisStateStoreOptions;
    expect(() => new RedisStateStore(options)).toThrow(TaskConfigError);
    expect(() => new RedisStateStore(options)).toThrow(
      expect.objectContaining({ fields: { path }, hint: expect.stringContaining(hint) }),
    );
  });
});

describe("the arguments", () => {
  const long = "k".repeat(513);
  const bucket = { key: "b", rate: 1, perMs: 1, burst: 1 };
  const ask = { holder: "h", limit: 1, n: 1, ttlMs: 1 };
  const knot: Record<string, unknown> = {};
  knot["self"] = knot;
  const calls: [string, (s: StateStoreProtocol) => Promise<unknown>][] = [
    ["an empty key", (s) => s.get("")],
    ["a long key", (s) => s.put(long, 1)],
    ["a key that is no text", (s) => s.delete(7 as unknown as string)],
    ["a value that JSON cannot hold", (s) => s.put("k", { at: [undefined] } as unknown as JsonValue)],
    ["a value without end", (s) => s.put("k", knot as JsonValue)],
    ["no time to live", (s) => s.put("k", 1, { ttlMs: 0 })],
    ["an endless time to live", (s) => s.touch("k", { ttlMs: Infinity })],
    ["a time that is no number", (s) => s.increment("k", 1, { ttlMs: Number.NaN })],
    ["an endless sum", (s) => s.increment("k", Infinity)],
    ["a page that is too long", (s) => s.list("", { limit: 1_001 })],
    ["an empty cursor", (s) => s.list("", { cursor: "" })],
    ["a long prefix", (s) => s.list(long)],
    ["half a token", (s) => s.takeTokens([bucket], 0.5)],
    ["a bucket named twice", (s) => s.takeTokens([bucket, bucket], 1)],
    ["a bucket that holds nothing", (s) => s.takeTokens([{ ...bucket, burst: 0.5 }], 1)],
    ["a bucket that never fills", (s) => s.takeTokens([bucket, { ...bucket, key: "c", rate: 0 }], 1)],
    ["an empty holder", (s) => s.acquire("k", { ...ask, holder: "" })],
    ["a limit below nothing", (s) => s.acquire("k", { ...ask, limit: -1 })],
    ["half a permit", (s) => s.release("k", { holder: "h", n: 0.5 })],
    ["an empty topic", (s) => s.publish("", 1)],
    ["a message that JSON cannot hold", (s) => s.publish("t", 1n as unknown as JsonValue)],
    ["a long topic", (s) => s.subscribe(long, new AbortController().signal)],
  ];

  test.each(calls)(
    "are refused as the memory store refuses them, before the server is asked: %s",
    async (_, call) => {
      const memory = memoryBackend({ clock }).state as StateStoreProtocol;
      const expected: unknown = await call(memory).catch((error: unknown) => error);
      const actual: unknown = await call(store).catch((error: unknown) => error);
      expect(expected).toBeInstanceOf(TaskValidationError);
      expect(actual).toBeInstanceOf(TaskValidationError);
      expect((actual as TaskValidationError).fields).toEqual((expected as TaskValidationError).fields);
      expect(connection.calls).toEqual([]);
    },
  );
});

describe("the stored layout", () => {
  test("is looked at before the first call, once for many, and again after a minute", async () => {
    await Promise.all([store.get("a"), store.get("b"), store.list("")]);
    await store.get("c");
    expect(connection.asked("state-layout")).toBe(1);
    expect(connection.calls[0]?.script).toBe("state-layout");
    await clock.advance(60_000);
    await store.get("d");
    expect(connection.asked("state-layout")).toBe(2);
  });

  test("that needs newer code is refused with the step to take, until it has been taken", async () => {
    connection.layout = ["3", "2", "16"];
    await expect(store.get("a")).rejects.toThrow(
      expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG", hint: expect.stringContaining("upgrade") }),
    );
    expect(connection.asked("state-get")).toBe(0);
    connection.layout = ["3", "1", "16"];
    expect(await store.get("a")).toBeUndefined();
  });

  test("with another number of shards is refused, and says which", async () => {
    connection.layout = ["1", "1", "4"];
    await expect(store.put("a", 1)).rejects.toThrow(
      expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG", hint: expect.stringContaining("shards to 4") }),
    );
  });
});

describe("a subscription", () => {
  const channel = "app:state:topic:t";

  test("that ends while the server is asked leaves the channel again", async () => {
    const controller = new AbortController();
    let confirm = (): void => {};
    connection.confirmed = new Promise<void>((resolve) => (confirm = resolve));
    const subscribing = store.subscribe("t", controller.signal);
    controller.abort();
    confirm();
    const messages = await subscribing;
    expect((await messages[Symbol.asyncIterator]().next()).done).toBe(true);
    expect(connection.channels.size).toBe(0);
  });

  test("that cannot be made fails, and is not kept", async () => {
    connection.confirmed = Promise.reject(new Error("no server"));
    await expect(store.subscribe("t", new AbortController().signal)).rejects.toThrow("no server");
    await store.close();
    expect(connection.channels.size).toBe(0);
  });

  test("passes over what is no message, and leaves its channel at its end", async () => {
    const messages = await store.subscribe("t", new AbortController().signal);
    connection.say(channel, "not JSON");
    connection.say(channel, '{"n":1}');
    for await (const message of messages) {
      expect(message).toEqual({ n: 1 });
      break;
    }
    expect(connection.channels.size).toBe(0);
  });
});

test("a closed store asks the server for nothing and ends its subscriptions", async () => {
  const messages = (await store.subscribe("t", new AbortController().signal))[Symbol.asyncIterator]();
  const waiting = messages.next();
  await store.close();
  await store.close();
  expect((await waiting).done).toBe(true);
  await expect(store.get("a")).rejects.toBeInstanceOf(ClosedError);
  await expect(store.list("")).rejects.toBeInstanceOf(ClosedError);
  await expect(store.takeTokens([], 1)).rejects.toBeInstanceOf(ClosedError);
  expect(connection.calls).toEqual([]);
  expect(connection.channels.size).toBe(0);
});
