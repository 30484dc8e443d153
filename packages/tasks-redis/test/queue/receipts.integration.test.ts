import { aJob, uniqueName } from "@lexigram/conformance";
import { systemClock, systemRandom } from "@lexigram/contracts";
import { expect, onTestFinished, test } from "vitest";
import { RedisScript } from "../../src/connection/redis-script.ts";
import { QueueKeys } from "../../src/lua/keys.ts";
import { ScriptedQueue } from "../../src/queue/scripted-queue.ts";
import { sharedRedis } from "../redis-server.ts";

/** What a replica knows that takes over and had not heard of the last claims. */
const FORGET = new RedisScript("forget", "return redis.call('HDEL', KEYS[1], 'deliveries')");
const UNLINK = new RedisScript("unlink", "return redis.call('UNLINK', unpack(KEYS))");

test.for(["short", "long"])(
  "the number of a claim is not given again when its counter is lost (%s way)",
  async (way) => {
    const server = await sharedRedis();
    const connection = server.connect();
    const [name, namespace] = [uniqueName("queue"), uniqueName("test")];
    const keys = new QueueKeys(namespace, name);
    onTestFinished(async () => {
      await connection.run(UNLINK, keys.all, [], { subject: "test" });
      await connection.close();
      await server.end();
    });
    const source = {
      name,
      namespace,
      connection,
      clock: systemClock,
      random: systemRandom,
      onClose: () => {},
    };
    const queue = new ScriptedQueue(source);
    const given = way === "long" ? { key: "k" } : {};
    await queue.enqueueMany([aJob({ id: "a", ...given }), aJob({ id: "b", ...given })], {
      session: "p",
      seq: 1,
    });
    const numbers: number[] = [];
    for (const seq of [1, 2]) {
      const claim = { slots: 1, ahead: 0, leaseMs: 60_000, maxBytes: 1_000 };
      const { deliveries } = await queue.exchange({ session: "w", seq, settle: [], started: [], claim });
      numbers.push(...deliveries.map(({ receipt }) => Number(receipt.split(".")[0])));
      await connection.run(FORGET, keys.all, [], { subject: "test" });
    }
    expect(numbers).toHaveLength(2);
    expect(numbers[1]).toBeGreaterThan(numbers[0] ?? Infinity);
  },
);
