import { TaskConfigError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import type { ServerNode } from "../../src/connection/ioredis-clients.ts";
import { checkServer, infoFields, judgeServer, NotYetError } from "../../src/connection/server-check.ts";

const SAFE = { redis_version: "7.0.15", role: "master", loading: "0", maxmemory: "0", aof_enabled: "1" };
const ALWAYS = { appendonly: "yes", appendfsync: "always", save: "" };

function judged(
  info: Record<string, string>,
  settings: Record<string, string> = ALWAYS,
  options: { primary?: boolean; waitReplicas?: number } = {},
) {
  return judgeServer("host:6379", new Map(Object.entries(info)), new Map(Object.entries(settings)), {
    primary: true,
    waitReplicas: 0,
    ...options,
  });
}

describe("a server", () => {
  test.each([
    [{ redis_version: "6.2.0" }, "Redis 6.2.0"],
    [{ redis_version: "10.0.1" }, "Redis 10.0.1"],
    [{ redis_version: "7.2.4", valkey_version: "7.2.5" }, "Valkey 7.2.5"],
  ])("of %j is taken", (version, said) => {
    const { product, version: found } = judged({ ...SAFE, ...version });
    expect(`${product} ${found}`).toBe(said);
  });

  test.each([[{ redis_version: "6.0.16" }], [{ redis_version: "5.0.14" }], [{ valkey_version: "6.9.0" }]])(
    "of %j is refused with what to use instead",
    (version) => {
      const judge = (): unknown => judged({ ...SAFE, ...version });
      expect(judge).toThrow(TaskConfigError);
      expect(judge).toThrow(
        expect.objectContaining({ hint: "use Redis 6.2 or newer, or Valkey 7 or newer" }),
      );
    },
  );

  test("that loads its data, or is a replica, is not used yet", () => {
    expect(() => judged({ ...SAFE, loading: "1" })).toThrow(NotYetError);
    expect(() => judged({ ...SAFE, role: "slave" })).toThrow(/is a replica/);
    expect(judged({ ...SAFE, role: "slave" }, ALWAYS, { primary: false }).role).toBe("slave");
  });
});

describe("what can be lost", () => {
  test("is nothing with appendfsync always", () => {
    expect(judged(SAFE)).toMatchObject({ durability: "always", risks: [] });
  });

  test.each([
    ["everysec", { appendonly: "yes", appendfsync: "everysec", save: "" }, /last second/],
    ["os", { appendonly: "yes", appendfsync: "no", save: "" }, /30 seconds/],
    ["snapshots", { appendonly: "no", appendfsync: "everysec", save: "3600 1" }, /since its last snapshot/],
    ["none", { appendonly: "no", appendfsync: "everysec", save: "" }, /every job and all state/],
  ] as const)("is said exactly with %s", (durability, settings, words) => {
    const report = judged({ ...SAFE, aof_enabled: "0" }, settings);
    expect(report.durability).toBe(durability);
    expect(report.risks).toEqual([expect.stringMatching(words)]);
    expect(report.risks[0]).toContain("appendonly yes with appendfsync always");
  });

  test("is unknown where settings are kept secret", () => {
    expect(judged(SAFE, {}).durability).toBe("unknown");
    expect(judged({ ...SAFE, aof_enabled: "0" }, {}).durability).toBe("unknown");
  });

  test("is what memory pressure evicts, when there is a limit and a policy", () => {
    const lru = { ...SAFE, maxmemory_policy: "allkeys-lru" };
    expect(judged({ ...lru, maxmemory: "1000000" }).risks).toEqual([expect.stringMatching(/evicted/)]);
    expect(judged(lru).risks).toEqual([]);
    expect(judged({ ...SAFE, maxmemory: "1000000", maxmemory_policy: "noeviction" }).risks).toEqual([]);
  });

  test("is what replicas lack at a failover, unless it is waited for", () => {
    const followed = { ...SAFE, connected_slaves: "2" };
    expect(judged(followed).risks).toEqual([expect.stringMatching(/failover.*waitReplicas/)]);
    expect(judged(followed, ALWAYS, { waitReplicas: 1 }).risks).toEqual([]);
  });
});

describe("a server that will not tell", () => {
  const refused = Object.assign(new Error("NOPERM this user has no permissions"), { name: "ReplyError" });
  const node = (given: Partial<ServerNode>): ServerNode => ({
    address: "host:6379",
    ping: () => Promise.resolve("PONG"),
    info: () => Promise.resolve("# Server\r\nredis_version:7.0.1\r\nrole:master\r\n"),
    settings: () => Promise.resolve(new Map()),
    drop: () => {},
    ...given,
  });
  const options = { primary: true, waitReplicas: 0 };

  test("its settings is used, and said to be unknown", async () => {
    const report = await checkServer(node({ settings: () => Promise.reject(refused) }), options);
    expect(report).toMatchObject({ version: "7.0.1", durability: "unknown" });
  });

  test("anything is used too", async () => {
    const report = await checkServer(node({ info: () => Promise.reject(refused) }), options);
    expect(report.version).toBe("unknown");
  });

  test("because its link is lost is not judged", async () => {
    const lost = new Error("Connection is closed.");
    await expect(checkServer(node({ info: () => Promise.reject(lost) }), options)).rejects.toThrow(/closed/);
  });
});

test("an answer to INFO is read field by field", () => {
  expect([...infoFields("# Server\r\na:1\r\nb:x:y\r\n\r\n")]).toEqual([
    ["a", "1"],
    ["b", "x:y"],
  ]);
});
