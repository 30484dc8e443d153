import { silentLogger, TaskConfigError } from "@lexigram/contracts";
import { Cluster, Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { connectionOptions, namespaceOf } from "../src/redis-backend-options.ts";

const url = "redis://localhost:6379";

function refusal(options: object): TaskConfigError {
  try {
    connectionOptions("the redis backend", options, { others: ["namespace"] });
  } catch (error) {
    if (error instanceof TaskConfigError) return error;
    throw error;
  }
  throw new Error("the options were taken");
}

describe("options", () => {
  test.each([
    [{}, "url", /give one of url, client, cluster, sentinel/],
    [{ url, client: {} }, "client", /give one of the two/],
    [{ urll: url }, "urll", /did you mean "url"/],
    [{ url, waitReplica: 1 }, "waitReplica", /did you mean "waitReplicas"/],
    [{ url: 6379 }, "url", /use redis:\/\/host:port\/database/],
    [{ url: "localhost:6379" }, "url", /use redis:\/\/host:port\/database/],
    [{ url: "http://localhost" }, "url", /use redis:\/\/host:port\/database/],
    [{ url: "redis://localhost/zero" }, "url", /use redis:\/\/host:port\/database/],
    [{ client: {} }, "client", /new Redis/],
    [{ client: 1 }, "client", /new Redis/],
    [{ cluster: [] }, "cluster.nodes", /nodes: \[/],
    [{ cluster: { nodes: [] } }, "cluster.nodes", /nodes: \[/],
    [{ cluster: { node: [{}] } }, "node", /did you mean "nodes"/],
    [{ cluster: null }, "cluster", /nodes: \[/],
    [{ sentinel: { sentinels: [], name: "main" } }, "sentinel.sentinels", /sentinels: \[/],
    [{ sentinel: { sentinels: [{ host: "a" }] } }, "sentinel.name", /sentinels: \[/],
    [{ url, waitReplicas: -1 }, "waitReplicas", /from 0 to 100/],
    [{ url, waitReplicas: 1.5 }, "waitReplicas", /from 0 to 100/],
    [{ url, callTimeoutMs: 0 }, "callTimeoutMs", /from 50 to/],
    [{ url, callTimeoutMs: "5s" }, "callTimeoutMs", /from 50 to/],
    [{ url, readFrom: "replicas" }, "readFrom", /did you mean "replica"/],
    [{ url, clock: {} }, "clock", /Clock|clock/],
    [{ url, logger: {} }, "logger", /logger/],
    [{ url, random: 4 }, "random", /function/],
  ])("%j are refused at %s", (options, path, hint) => {
    const error = refusal(options);
    expect(error.fields.path).toBe(path);
    expect(error.hint).toMatch(hint);
  });

  test("that are refused quote no password", () => {
    for (const bad of ["redis://:hunter2@host/x", "http://me:hunter2@host", "hunter2@@@:"]) {
      const error = refusal({ url: bad });
      expect(`${error.message} ${error.hint} ${JSON.stringify(error)}`).not.toContain("hunter2");
    }
  });

  test.each([
    ["url", { url: "rediss://me:secret@host:1234/2" }],
    ["client", { client: new Redis({ lazyConnect: true }) }],
    ["client", { client: new Cluster([{ port: 1 }], { lazyConnect: true }) }],
    ["cluster", { cluster: { nodes: [{ host: "a", port: 1 }] } }],
    ["sentinel", { sentinel: { sentinels: [{ host: "a", port: 1 }], name: "main", password: "x" } }],
  ])("name a %s", (kind, options) => {
    expect(connectionOptions("the redis backend", options).target.kind).toBe(kind);
  });

  test("reach the connection as they are", () => {
    const given = { waitReplicas: 2, readFrom: "replica", callTimeoutMs: 700, logger: silentLogger } as const;
    expect(connectionOptions("the redis backend", { url, ...given })).toMatchObject(given);
  });

  test("name the setting that the URL came from", () => {
    expect(() => connectionOptions("an entry", {}, { urlPath: "redisUrl" })).toThrow(
      expect.objectContaining({ fields: { path: "redisUrl" } }),
    );
  });
});

describe("a namespace", () => {
  test.each(["a", "lexigram", "team-1.app_2:x", "x".repeat(64)])("may be %s", (name) => {
    expect(namespaceOf(name)).toBe(name);
  });

  test.each(["", "x".repeat(65), "a b", "{a}", "-a", "é", "a*", 5, null])("may not be %j", (name) => {
    expect(() => namespaceOf(name)).toThrow(TaskConfigError);
  });

  test("is lexigram when none is given", () => {
    expect(namespaceOf()).toBe("lexigram");
  });
});
