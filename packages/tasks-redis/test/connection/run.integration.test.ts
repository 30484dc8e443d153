import { createHash } from "node:crypto";
import { uniqueName } from "@lexigram/conformance";
import { ClosedError } from "@lexigram/contracts";
import {
  privateRedis,
  privateRedisCluster,
  privateReplica,
  privateSentinelGroup,
  redisCommand,
  redisSays,
  sharedServers,
} from "@lexigram/services";
import { Cluster, Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { keySlot } from "../../src/connection/key-slot.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";
import { append, at, ending, length, open, ping, reachable, subject, unavailability } from "./opened.ts";

const shared = at(sharedServers.redis);

function unseen(source: string): RedisScript {
  return new RedisScript("unseen", `${source} -- ${uniqueName("s")}`);
}

describe("run", () => {
  test("runs a script that the server has never seen, and gives texts as texts", async () => {
    const echo = unseen("return {KEYS[1], ARGV[1], 7, {ARGV[2]}, false}");
    const reply = await open(shared).run(echo, ["{q}:é"], ["ünï €", 12], { subject });
    expect(reply).toEqual(["{q}:é", "ünï €", 7, ["12"], null]);
  });

  test("brings its script along again after the server forgot it", async () => {
    const server = ending(await privateRedis());
    const connection = open(at(server.url));
    const count = unseen("return redis.call('INCR', KEYS[1])");
    const run = (): Promise<unknown> => connection.run(count, ["n"], [], { subject });
    expect(await run()).toBe(1);
    await redisCommand(server.port, "SCRIPT FLUSH");
    expect(await Promise.all([run(), run(), run()])).toEqual([2, 3, 4]);
    expect(await redisCommand(server.port, `SCRIPT EXISTS ${count.sha}`)).toContain(":1");
    expect(count.sha).toBe(createHash("sha1").update(count.source).digest("hex"));
  });

  test("keeps the order in which calls were made", async () => {
    const connection = open(shared);
    const key = uniqueName("{q}");
    await connection.run(append, [key], ["first"], { subject });
    const lengths = Array.from({ length: 200 }, () => connection.run(append, [key], ["x"], { subject }));
    expect(await Promise.all(lengths)).toEqual(lengths.map((_, i) => i + 2));
    await connection.run(unseen("return redis.call('DEL', KEYS[1])"), [key], [], { subject });
  });

  test("throws what the script itself raised as it is", async () => {
    const raises = unseen("return redis.error_reply('MINE of the script')");
    await expect(open(shared).run(raises, [], [], { subject })).rejects.toThrow(/^MINE of the script$/);
  });

  test("refuses a server out of memory with nothing accepted", async () => {
    const server = ending(await privateRedis("--maxmemory", "1mb"));
    const connection = open(at(server.url));
    const error = await unavailability(
      connection
        .run(append, ["key"], ["x".repeat(2_000_000)], { subject })
        .then(() => connection.run(append, ["key"], ["y"], { subject })),
    );
    expect(error.fields).toEqual({ queue: subject, retryable: true, accepted: "no", ids: [] });
    expect((error.cause as Error).message).toMatch(/^OOM/);
  });

  test("tells that the server is busy with a script, and that it did not run", async () => {
    const server = ending(await privateRedis("--lua-time-limit", "1"));
    const connection = open(at(server.url));
    const another = open({ ...at(server.url), callTimeoutMs: 6_000 });
    await Promise.all([reachable(connection), reachable(another)]);
    const killed = unavailability(connection.run(unseen("while true do end"), [], [], { subject }));
    await redisSays(server.port, "PING", /^-BUSY/);
    const error = await unavailability(another.run(ping, [], [], { subject }));
    expect(error.fields).toMatchObject({ retryable: true, accepted: "no" });
    expect((error.cause as Error).message).toMatch(/^BUSY/);
    await redisCommand(server.port, "SCRIPT KILL");
    expect((await killed).fields).toMatchObject({ retryable: true, accepted: "no" });
  });
});

describe("a durable call", () => {
  const write = { subject, durable: true };

  test("resolves when the replicas have it", async () => {
    const primary = ending(await privateRedis());
    const replica = ending(await privateReplica(primary));
    const connection = open({ ...at(primary.url), waitReplicas: 1 });
    await connection.run(append, ["key"], ["x"], { subject });
    await redisSays(replica.port, "LLEN key", /^:1/);
    expect(await connection.run(append, ["key"], ["y"], write)).toBe(2);
    expect(await redisCommand(replica.port, "LLEN key")).toBe(":2\r\n");
  });

  test("is unknown when fewer replicas than asked confirm it", async () => {
    const primary = ending(await privateRedis());
    const replica = ending(await privateReplica(primary));
    const connection = open({ ...at(primary.url), waitReplicas: 1, callTimeoutMs: 500 });
    await connection.run(append, ["key"], ["x"], { subject });
    await redisSays(replica.port, "LLEN key", /^:1/);
    replica.pause();
    onTestFinished(() => replica.resume());
    const error = await unavailability(connection.run(append, ["key"], ["y"], write));
    expect(error.fields).toMatchObject({ retryable: true, accepted: "unknown" });
    expect((error.cause as Error).message).toMatch(/^0 of 1 replicas/);
    expect(await connection.run(length, ["key"], [], { subject })).toBe(2);
  });

  test("asks no replica when none is to be waited for", async () => {
    const server = ending(await privateRedis());
    const connection = open(at(server.url));
    await connection.run(append, ["key"], ["x"], write);
    expect(await redisCommand(server.port, "INFO commandstats")).not.toContain("cmdstat_wait:");
  });
});

describe("a client of the caller's", () => {
  test("carries the calls, and is never closed", async () => {
    const server = ending(await privateRedis());
    const client = new Redis(server.url, { keyPrefix: "theirs:" });
    onTestFinished(() => client.disconnect());
    const connection = open({ target: { kind: "client", client } });
    await connection.run(append, ["key"], ["x"], { subject });
    // The caller's, and the one that asks. A prefix of the caller's is no part of our keys.
    expect(await redisCommand(server.port, "INFO clients")).toContain("connected_clients:2\r");
    expect(await redisCommand(server.port, "LLEN key")).toBe(":1\r\n");
    await connection.close();
    expect([client.status, await client.ping()]).toEqual(["ready", "PONG"]);
  });

  test("that is lost or ended is replaced by a copy", async () => {
    const server = ending(await privateRedis());
    const client = new Redis(server.url);
    const connection = open({ target: { kind: "client", client } });
    await reachable(connection);
    client.disconnect();
    await reachable(connection);
    expect(client.status).toBe("end");
    expect((await connection.health()).links).toEqual({ commands: "ready" });
  });

  test("sends nothing twice, however it is set to behave", async () => {
    const server = ending(await privateRedis());
    const client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 10 });
    onTestFinished(() => client.disconnect());
    const connection = open({ target: { kind: "client", client } });
    await connection.run(append, ["key"], ["first"], { subject });
    server.pause();
    const caught = unavailability(connection.run(append, ["key"], ["second"], { subject }));
    // The server will read it when it wakes; its answer finds no socket, so the caller's client sends it again.
    await new Promise((resolve) => client.stream.write("", resolve));
    const back = new Promise((resolve) => client.once("ready", resolve));
    client.stream.destroy();
    server.resume();
    expect((await caught).fields).toMatchObject({ accepted: "unknown", retryable: true });
    await back;
    await client.ping();
    await reachable(connection);
    expect(await connection.run(length, ["key"], [], { subject })).toBeLessThanOrEqual(2);
  });

  test("may be a cluster's", async () => {
    const cluster = ending(await privateRedisCluster());
    const client = new Cluster(cluster.addresses);
    onTestFinished(() => client.disconnect());
    const connection = open({ target: { kind: "client", client } });
    expect(await connection.run(append, ["{a}k"], ["x"], { subject })).toBe(1);
    await connection.close();
    expect(await client.llen("{a}k")).toBe(1);
  });
});

describe("a cluster", () => {
  test("runs each script on the node of its keys, follows a moved slot, and hears channels", async () => {
    const cluster = ending(await privateRedisCluster());
    const connection = open({ target: { kind: "cluster", nodes: cluster.addresses, options: {} } });
    const keys = ["{a}k", "{b}k", "{c}k", "{d}k", "{e}k", "{f}k"];
    for (const key of keys)
      expect(await connection.run(append, [key], ["x"], { subject, durable: true })).toBe(1);
    for (const key of keys)
      expect(await redisCommand(cluster.primaryOf(keySlot(key)).port, `LLEN ${key}`)).toBe(":1\r\n");

    const slot = keySlot("{a}k");
    const from = cluster.primaryOf(slot);
    const to = cluster.primaries.find((node) => node !== from)!;
    const idOf = async (port: number): Promise<string> =>
      /[0-9a-f]{40}/.exec(await redisCommand(port, "CLUSTER MYID"))?.[0] ?? "";
    await redisCommand(to.port, `CLUSTER SETSLOT ${slot} IMPORTING ${await idOf(from.port)}`);
    await redisCommand(from.port, `CLUSTER SETSLOT ${slot} MIGRATING ${await idOf(to.port)}`);
    // Only a part of the slot is there: a new key is asked for at its new home.
    expect(await connection.run(append, ["{a}new"], ["x"], { subject })).toBe(1);
    await redisCommand(from.port, `MIGRATE 127.0.0.1 ${to.port} {a}k 0 5000`);
    for (const node of cluster.primaries)
      await redisCommand(node.port, `CLUSTER SETSLOT ${slot} NODE ${await idOf(to.port)}`);
    expect(await connection.run(append, ["{a}k"], ["y"], { subject })).toBe(2);

    const heard = new Promise<string>((resolve) => {
      void connection
        .subscribe("channel", { message: resolve }, subject)
        .then(() => redisCommand(cluster.primaries[1]?.port ?? 0, "PUBLISH channel hello"));
    });
    expect(await heard).toBe("hello");
    expect((await connection.health()).servers).toHaveLength(3);
  });

  test("goes on after a node died and its replica took over", { timeout: 60_000 }, async () => {
    const cluster = ending(await privateRedisCluster({ replicasEach: 1 }));
    const connection = open({
      target: { kind: "cluster", nodes: cluster.addresses, options: {} },
      waitReplicas: 1,
    });
    const write = { subject, durable: true };
    expect(await connection.run(append, ["{a}k"], ["x"], write)).toBe(1);
    const other = ["{b}", "{c}", "{d}", "{e}"].find(
      (key) => cluster.primaryOf(keySlot(key)) !== cluster.primaryOf(keySlot("{a}")),
    );
    const dead = cluster.primaryOf(keySlot("{a}"));
    await dead.kill();
    const error = await unavailability(connection.run(append, ["{a}k"], ["lost"], { subject }));
    expect(error.fields.retryable).toBe(true);
    const replica = cluster.replicas[cluster.primaries.indexOf(dead)]!;
    await redisSays(replica.port, "INFO replication", /role:master/);
    await redisSays(replica.port, "CLUSTER INFO", /cluster_state:ok/);
    for (;;)
      try {
        await connection.run(append, ["{a}k"], ["y"], { subject });
        break;
      } catch (thrown) {
        expect(await unavailability(Promise.reject(thrown))).toBeDefined();
      }
    expect(await redisCommand(replica.port, "LRANGE {a}k 0 -1")).toContain("y");
    expect(await connection.run(append, [`${other}k`], ["x"], { subject })).toBe(1);
  });
});

describe("reading from replicas", () => {
  test("of a cluster asks a replica, and the primary when there is none", { timeout: 60_000 }, async () => {
    const cluster = ending(await privateRedisCluster({ replicasEach: 1 }));
    const connection = open({
      target: { kind: "cluster", nodes: cluster.addresses, options: {} },
      readFrom: "replica",
    });
    const port = unseen("return redis.call('INFO', 'server'):match('tcp_port:(%d+)')");
    const asked = Number(await connection.read(port, ["{a}k"], [], { subject }));
    const primary = cluster.primaryOf(keySlot("{a}"));
    expect(asked).toBe(cluster.replicas[cluster.primaries.indexOf(primary)]?.port);
    expect(Number(await connection.run(port, ["{a}k"], [], { subject }))).toBe(primary.port);
    for (const replica of cluster.replicas) await replica.kill();
    expect(Number(await connection.read(port, ["{a}k"], [], { subject }))).toBe(primary.port);
  });

  test("of a Sentinel group asks a replica, and the primary when there is none", async () => {
    const group = ending(await privateSentinelGroup());
    const connection = open({
      target: { kind: "sentinel", options: { sentinels: group.addresses, name: group.name } },
      readFrom: "replica",
    });
    const role = unseen("return redis.call('INFO', 'replication'):match('role:(%a+)')");
    expect(await connection.read(role, [], [], { subject })).toBe("slave");
    expect(await connection.run(role, [], [], { subject })).toBe("master");
    await group.replicas[0]?.kill();
    expect(await connection.read(role, [], [], { subject })).toBe("master");
  });

  test("of a plain URL asks that server", async () => {
    expect(await open({ ...shared, readFrom: "replica" }).read(ping, [], [], { subject })).toBe("pong");
  });
});

describe("a closed connection", () => {
  test("refuses every call, and closing again is nothing", async () => {
    const connection = open(shared);
    await reachable(connection);
    await Promise.all([connection.close(), connection.close()]);
    await expect(connection.run(ping, [], [], { subject })).rejects.toThrow(ClosedError);
    await expect(connection.read(ping, [], [], { subject })).rejects.toThrow(ClosedError);
    await expect(connection.subscribe("c", { message: () => {} }, subject)).rejects.toThrow(ClosedError);
    expect((await connection.health()).links).toEqual({ commands: "closed" });
  });

  test("answers what was under way before", async () => {
    const connection = open(shared);
    await reachable(connection);
    const last = connection.run(ping, [], [], { subject });
    await connection.close();
    expect(await last).toBe("pong");
  });
});
