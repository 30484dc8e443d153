import { aJob } from "@lexigram/conformance";
import { QueueUnavailableError } from "@lexigram/contracts";
import { expect, test } from "vitest";
import type { RedisConnection } from "../../src/connection/redis-connection.ts";
import type { RedisScript } from "../../src/connection/redis-script.ts";
import { QUEUE_SCRIPTS } from "../../src/lua/scripts.ts";
import { QueueScripts } from "../../src/queue/queue-scripts.ts";

const refused = (): Promise<never> =>
  Promise.reject(new QueueUnavailableError({ queue: "q", retryable: true, accepted: "no", ids: [] }));

/** The fate of 600 jobs, which go in three parts. */
async function fate(parts: readonly (() => Promise<unknown>)[]): Promise<unknown> {
  const left = [...parts];
  const connection: Partial<RedisConnection> = {
    run: (script: RedisScript) =>
      script === QUEUE_SCRIPTS.plainEnqueue
        ? (left.shift() ?? refused)()
        : Promise.resolve(script === QUEUE_SCRIPTS.control ? ["1", "1"] : []),
  };
  const scripts = new QueueScripts({
    name: "q",
    namespace: "n",
    connection: connection as RedisConnection,
    rememberMs: 1_000,
    policy: undefined,
  });
  const jobs = Array.from({ length: 600 }, () => aJob());
  const error = await scripts.enqueue(jobs, { session: "p", seq: 1 }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof QueueUnavailableError)) return error;
  return [error.fields.accepted, error.fields.ids.length];
}

test("a call of several parts is unknown as soon as one of them may be stored", async () => {
  const stored = (): Promise<number> => Promise.resolve(1);
  expect(await fate([stored, stored, stored])).toBeUndefined();
  expect(await fate([refused, refused, refused])).toEqual(["no", 0]);
  expect(await fate([stored, refused, refused])).toEqual(["unknown", 600]);
  expect(await fate([refused, refused, stored])).toEqual(["unknown", 600]);
});

test("a call of several parts fails when none of them is under way any more", async () => {
  let answered = false;
  const late = (): Promise<number> =>
    new Promise((resolve) =>
      setImmediate(() => {
        answered = true;
        resolve(1);
      }),
    );
  expect(await fate([refused, late, refused])).toEqual(["unknown", 600]);
  expect(answered).toBe(true);
});
