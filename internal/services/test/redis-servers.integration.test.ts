import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import {
  privateRedis,
  privateRedisCluster,
  privateSentinelGroup,
  redisCommand,
  redisSays,
  TcpProxy,
} from "../src/index.ts";

const after: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of after.splice(0).reverse()) await end();
});

test("a private cluster serves every slot and has its replicas in step", async () => {
  const cluster = await privateRedisCluster({ replicasEach: 1 });
  after.push(() => cluster.stop());
  expect(await redisCommand(cluster.primaryOf(12_182).port, "SET foo 1")).toBe("+OK\r\n");
  expect(await redisCommand(cluster.primaryOf(0).port, "GET foo")).toMatch(
    `-MOVED 12182 127.0.0.1:${cluster.primaryOf(12_182).port}`,
  );
});

test("private sentinels put the replica in the place of a dead primary", async () => {
  const group = await privateSentinelGroup({ sentinels: 3 });
  after.push(() => group.stop());
  await group.primary.kill();
  const promoted = await redisSays(group.replicas[0]?.port ?? 0, "INFO replication", /role:master/);
  expect(promoted).not.toContain("role:slave");
});

describe("a TCP proxy", () => {
  async function wired() {
    const server = await privateRedis();
    after.push(() => server.stop());
    const proxy = await TcpProxy.open(server.port);
    after.push(() => proxy.close());
    const socket = connect({ host: "127.0.0.1", port: proxy.port });
    await once(socket, "connect");
    after.push(() => Promise.resolve(void socket.destroy()));
    socket.write("PING\r\n");
    expect(String((await once(socket, "data"))[0])).toBe("+PONG\r\n");
    return { server, proxy, socket };
  }

  test("swallows both ways of a blackholed connection, and passes new ones once healed", async () => {
    const { server, proxy, socket } = await wired();
    proxy.blackhole();
    proxy.heal();
    let heard = false;
    socket.on("data", () => (heard = true));
    socket.write("SET swallowed 1\r\n");
    await proxy.until(() => true);
    expect(await redisCommand(proxy.port, "PING")).toBe("+PONG\r\n");
    expect(await redisCommand(server.port, "EXISTS swallowed")).toBe(":0\r\n");
    expect(heard).toBe(false);
  });

  test("lets requests through when only replies are lost", async () => {
    const { server, proxy, socket } = await wired();
    proxy.blackhole("replies");
    socket.write("SET applied 1\r\n");
    expect(await redisSays(server.port, "EXISTS applied", /:1/)).toBe(":1\r\n");
  });

  test("cuts connections and refuses new ones", async () => {
    const { proxy, socket } = await wired();
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    proxy.refuse();
    await closed;
    await expect(redisCommand(proxy.port, "PING")).rejects.toThrow(/ECONNRESET|EPIPE/);
    proxy.heal();
    expect(await redisCommand(proxy.port, "PING")).toBe("+PONG\r\n");
  });
});
