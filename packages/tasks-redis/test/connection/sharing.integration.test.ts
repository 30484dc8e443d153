import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ManualClock } from "@lexigram/conformance";
import { freePort, privateRedis, redisCommand, redisSays, sharedServers } from "@lexigram/services";
import { beforeAll, describe, expect, test } from "vitest";
import { at, ending, open, ping, reachable, signal, subject } from "./opened.ts";

async function socketsOf(port: number): Promise<string[]> {
  const list = await redisCommand(port, "CLIENT LIST");
  return [...list.matchAll(/ name=(lexigram-\w+) /g)].map(([, name]) => name ?? "").sort();
}

describe("owners of one URL", () => {
  test("share a socket for each role, until the last has closed", async () => {
    const server = ending(await privateRedis());
    const [one, two] = [open(at(server.url)), open(at(server.url))];
    await Promise.all([reachable(one), reachable(two)]);
    expect(await socketsOf(server.port)).toEqual(["lexigram-commands"]);
    const listener = { message: () => {} };
    await Promise.all([one.subscribe("a", listener, subject), two.subscribe("b", listener, subject)]);
    expect(await socketsOf(server.port)).toEqual(["lexigram-commands", "lexigram-subscriber"]);

    await one.close();
    await one.close();
    expect(await two.run(ping, [], [], { subject })).toBe("pong");
    expect(await redisCommand(server.port, "PUBSUB CHANNELS")).toBe("*1\r\n$1\r\nb\r\n");
    await two.close();
    await redisSays(server.port, "CLIENT LIST", /^(?!.*lexigram)/s);
    const three = open(at(server.url));
    await reachable(three);
    expect(await socketsOf(server.port)).toEqual(["lexigram-commands"]);
  });

  test("share nothing when they ask differently", async () => {
    const server = ending(await privateRedis());
    const owners = [
      open(at(server.url)),
      open({ ...at(server.url), callTimeoutMs: 1_000 }),
      open({ ...at(server.url), readFrom: "replica" }),
      open({ ...at(`${server.url}/1`) }),
      open({ ...at(server.url), clock: new ManualClock() }),
    ];
    await Promise.all(owners.map(reachable));
    expect(await socketsOf(server.port)).toHaveLength(5);
  });

  test("have separate databases when their URLs do", async () => {
    const server = ending(await privateRedis());
    await reachable(open(at(`${server.url}/3`)));
    expect(await redisCommand(server.port, "CLIENT LIST")).toMatch(
      / db=3 .*name=lexigram-commands|name=lexigram-commands .* db=3 /,
    );
  });
});

describe("a process", () => {
  const home = fileURLToPath(new URL("../..", import.meta.url));
  const program = `
    import { openConnection } from "./dist/connection/open-connection.js";
    import { RedisScript } from "./dist/connection/redis-script.js";
    const [how, url] = process.argv.slice(1);
    const connection = openConnection({ target: { kind: "url", url } });
    const ping = new RedisScript("ping", "return 'pong'");
    const run = () => connection.run(ping, [], [], { subject: "emails" });
    if (how === "away") await run().catch(() => {});
    else await run();
    if (how === "subscribed") await connection.subscribe("c", { message() {} }, "emails");
    await connection.close();
    console.log("closed");
  `;

  // What is published is what runs there: Node cannot run the sources.
  beforeAll(() => {
    execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home]);
  });

  test.each(["used", "subscribed", "away"])("exits by itself after close: %s", async (how) => {
    const url = how === "away" ? `redis://127.0.0.1:${await freePort()}` : sharedServers.redis;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, how, url], {
      cwd: home,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const since = signal<number>();
    child.stdout.on("data", () => since.hear(performance.now()));
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
    expect(performance.now() - (await since.heard)).toBeLessThan(1_000);
  });
});
