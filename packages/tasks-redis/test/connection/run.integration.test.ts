import { systemClock } from "@lexigram/contracts";
import { uniqueName } from "@lexigram/conformance";
import { sharedServers } from "@lexigram/services";
import { afterEach, describe, expect, test } from "vitest";
import { openConnection } from "../../src/connection/open-connection.ts";
import type { SharedRedisConnection } from "../../src/connection/redis-connection.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";

const target = { kind: "url", url: sharedServers.redis } as const;
const subject = "emails";
const open: SharedRedisConnection[] = [];

function connection(): SharedRedisConnection {
  const made = openConnection({ target });
  open.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

describe("run", () => {
  test("runs a script that the server has never seen, and gives texts as texts", async () => {
    const script = new RedisScript("echo", `return {KEYS[1], ARGV[1], 7, {ARGV[2]}} -- ${uniqueName("s")}`);
    const reply = await connection().run(script, ["{q}:é"], ["ünï €", 12], { subject });
    expect(reply).toEqual(["{q}:é", "ünï €", 7, ["12"]]);
  });

  test("throws what the script itself raised as it is", async () => {
    const script = new RedisScript("raises", "return redis.error_reply('MINE of the script')");
    await expect(connection().run(script, [], [], { subject })).rejects.toThrow(/^MINE of the script$/);
  });
});

describe("subscribe", () => {
  test("hears what is published after it has resolved", async () => {
    const publish = new RedisScript("publish", "return redis.call('PUBLISH', ARGV[1], ARGV[2])");
    const channel = uniqueName("channel");
    const one = connection();
    const heard = new Promise<string>((resolve) => {
      void one
        .subscribe(channel, { message: resolve }, subject)
        .then(() => one.run(publish, [], [channel, "hello"], { subject }));
    });
    expect(await heard).toBe("hello");
    expect((await one.health()).links).toEqual({ commands: "ready", subscriber: "ready" });
    expect(systemClock.now()).toBeGreaterThan(0);
  });
});
