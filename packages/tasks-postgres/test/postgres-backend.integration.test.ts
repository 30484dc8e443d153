import { uniqueName } from "@lexigram/conformance";
import {
  ClosedError,
  silentLogger,
  type StateStoreProtocol,
  systemClock,
  systemRandom,
  TaskConfigError,
  type OutboxProtocol,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { freePort, sharedServers } from "@lexigram/services";
import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { Statement } from "../src/connection/statement.ts";
import { backendFactory, migratePostgres, postgresBackend } from "../src/index.ts";
import type { StoredSchema } from "../src/migrations/stored-schema.ts";
import {
  assemblePostgresBackend,
  postgresBackendOf,
  type PostgresBackendParts,
} from "../src/postgres-backend.ts";
import { ending } from "./connection/opened.ts";
import { ownSchema } from "./state/postgres-state-harness.ts";

/** Parts that show what they are given, and in which order they are closed. */
function showing() {
  const closed: string[] = [];
  const stores: StoredSchema[] = [];
  const given: unknown[] = [];
  const parts: PostgresBackendParts = {
    queue(name, options, opened) {
      given.push([name, options, opened.stored.name.name]);
      stores.push(opened.stored);
      const queue = {
        name,
        close() {
          closed.push(name);
          opened.onClose(queue);
          return Promise.resolve();
        },
      } as TaskQueueProtocol;
      return queue;
    },
    outbox(name, opened) {
      stores.push(opened.stored);
      const outbox = {
        close() {
          closed.push(`outbox of ${name}`);
          opened.onClose(outbox);
          return Promise.resolve();
        },
      } as OutboxProtocol;
      return outbox;
    },
    state(opened) {
      stores.push(opened.stored);
      return {
        close() {
          closed.push("state");
          return Promise.resolve();
        },
      } as StateStoreProtocol;
    },
  };
  return { parts, closed, stores, given };
}

const dsn = sharedServers.postgres;
const services = { clock: systemClock, logger: silentLogger, random: systemRandom };
const ONE = new Statement("SELECT 1 AS one");

async function owner(text: string): Promise<void> {
  const client = new Client(dsn);
  await client.connect();
  await client.query("SET client_min_messages = warning");
  await client.query(text);
  await client.end();
}

/** A schema that goes with the test. */
function schemaOfTest(): string {
  const { name } = ownSchema("backend");
  onTestFinished(() => owner(`DROP SCHEMA IF EXISTS "${name}" CASCADE`));
  return name;
}

describe("the postgres backend", () => {
  test("opens queues over one database, and closes them, its state and the database in this order", async () => {
    const { parts, closed, stores, given } = showing();
    const backend = assemblePostgresBackend(parts, { dsn, schema: "shop" });
    expect([backend.type, backend.state]).toEqual(["postgres", expect.anything()]);
    const first = backend.queue("emails", { enqueueTimeoutMs: 5 });
    backend.queue("reports");
    backend.outbox?.("mail");
    expect(given).toEqual([
      ["emails", { enqueueTimeoutMs: 5 }, "shop"],
      ["reports", {}, "shop"],
    ]);
    expect(new Set(stores).size).toBe(1);
    await first.close();
    await Promise.all([backend.close(), backend.close()]);
    expect(closed).toEqual(["emails", "reports", "outbox of mail", "state"]);
    expect(() => backend.outbox?.("mail")).toThrow(ClosedError);
    expect(() => backend.queue("emails")).toThrow(ClosedError);
    await expect(stores[0]?.database.run(ONE, [], { subject: "emails" })).rejects.toThrow(ClosedError);
    expect((await backend.health()).status).toBe("unhealthy");
  });

  test("refuses names and options by their field", async () => {
    const backend = ending(assemblePostgresBackend(showing().parts, { dsn }));
    expect(() => backend.queue("a b")).toThrow(TaskConfigError);
    expect(() => backend.queue("a", { enqueueTimeout: 5 } as object)).toThrow(/no option "enqueueTimeout"/);
    expect(() => assemblePostgresBackend(showing().parts, { dsn, schema: "{}" })).toThrow(TaskConfigError);
    expect(() => assemblePostgresBackend(showing().parts, { dsn, name: "x" } as object)).toThrow(/"name"/);
  });

  test("keeps state in its schema, which it makes when it is first used", async () => {
    const schema = schemaOfTest();
    const [one, two] = [ending(postgresBackend({ dsn, schema })), ending(postgresBackend({ dsn, schema }))];
    await one.state?.put("a", { b: 1 });
    expect(await two.state?.get("a")).toMatchObject({ value: { b: 1 } });
    expect(await migratePostgres({ dsn, schema })).toBeGreaterThan(0);
  });

  test("tells server, durability, latency and dead rows in its health, and no secret", async () => {
    const schema = schemaOfTest();
    const secret = new URL(dsn);
    secret.password = "hunter2";
    const backend = ending(postgresBackend({ dsn: secret.href, schema }));
    const state = backend.state as StateStoreProtocol;
    await state.subscribe("a", new AbortController().signal);
    const health = await backend.health();
    expect(health).toMatchObject({
      component: "postgres",
      status: "healthy",
      durationMs: expect.any(Number),
      details: {
        schema,
        queues: 0,
        mode: "direct",
        listener: "ready",
        latencyMs: expect.any(Number),
        pool: { open: expect.any(Number), idle: expect.any(Number), waiting: 0 },
        server: {
          version: expect.stringMatching(/^PostgreSQL \d/),
          durability: expect.any(String),
          risks: expect.any(Array),
        },
        oldestTransactionMs: expect.any(Number),
        deadRows: {},
        warnings: expect.any(Array),
      },
    });
    expect(JSON.stringify(health)).not.toContain("hunter2");
  });

  test("is unhealthy, and does not throw, while the server is away", async () => {
    const away = new URL(dsn);
    away.port = String(await freePort());
    away.password = "hunter2";
    const backend = ending(postgresBackend({ dsn: away.href }));
    const health = await backend.health();
    expect(health).toMatchObject({ status: "unhealthy", message: expect.stringMatching(/ECONNREFUSED/) });
    expect(JSON.stringify(health)).not.toContain("hunter2");
  });
});

describe("an entry of configuration", () => {
  test("makes a backend", async () => {
    const { parts, given } = showing();
    const schema = uniqueName("n")
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, "_");
    const settings = { postgresDsn: dsn, schema, callTimeoutMs: "2000", poolSize: "2", pooler: "true" };
    const backend = ending(postgresBackendOf(parts, settings, services));
    backend.queue("emails");
    expect(given).toEqual([["emails", {}, schema]]);
    expect(await backend.health()).toMatchObject({ status: "healthy", details: { mode: "pooled" } });
  });

  test("is named as it calls things when something is wrong with it", () => {
    for (const [settings, error] of [
      [{ postgresDsn: 5 }, { fields: { path: "postgresDsn" } }],
      [{ postgresDns: dsn }, { hint: 'did you mean "postgresDsn"?' }],
      [{}, { fields: { path: "postgresDsn" } }],
      [{ postgresDsn: dsn, pooler: "maybe" }, { fields: { path: "pooler" } }],
    ] as const)
      expect(() => backendFactory(settings, services)).toThrow(expect.objectContaining(error));
  });
});
