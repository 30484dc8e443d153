import { privatePgBouncer, sharedServers } from "@lexigram/services";
import { Pool } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { at, ending, insisting, ONE, open, signal, subject } from "./opened.ts";

const dsn = sharedServers.postgres;
const IGNORED = { ignore_startup_parameters: "options" };

describe("a pooler that hands each transaction to any session", () => {
  test("is told by its refusal of settings", async () => {
    const pooler = ending(await privatePgBouncer(dsn));
    expect(await open(at(pooler.url)).mode(subject)).toBe("pooled");
  });

  test.each([1, 2, 8])("is told by which of its %d sessions answers", async (default_pool_size) => {
    const pooler = ending(await privatePgBouncer(dsn, { ...IGNORED, default_pool_size }));
    expect(await open(at(pooler.url)).mode(subject)).toBe("pooled");
  });

  test("is told under a pool of the caller's", async () => {
    const pooler = ending(await privatePgBouncer(dsn));
    const pool = new Pool({ connectionString: pooler.url });
    onTestFinished(() => pool.end());
    expect(await open({ target: { kind: "pool", pool } }).mode(subject)).toBe("pooled");
  });

  test("is taken at the caller's word", async () => {
    expect(await open({ ...at(dsn), pooler: true }).mode(subject)).toBe("pooled");
    expect(await open({ ...at(dsn), pooler: false }).mode(subject)).toBe("direct");
  });

  test("is told at last by a prepared statement that is somewhere else", async () => {
    const pooler = ending(await privatePgBouncer(dsn, { ...IGNORED, default_pool_size: 1 }));
    const database = open({ ...at(pooler.url), poolSize: 2, pooler: false });
    const calls = Array.from({ length: 8 }, () => insisting(() => database.run(ONE, [], { subject })));
    await Promise.all(calls);
    expect(await database.mode(subject)).toBe("pooled");
  });

  test("does not disturb calls that are many more than its sessions", async () => {
    const pooler = ending(await privatePgBouncer(dsn, { ...IGNORED, default_pool_size: 2 }));
    const database = open(at(pooler.url));
    const answers = await Promise.all(Array.from({ length: 100 }, () => database.run(ONE, [], { subject })));
    expect(answers.every(([row]) => row?.["one"] === 1)).toBe(true);
  });

  test("hears nothing, so its listeners are told to look, and others hear what it tells", async () => {
    const pooler = ending(await privatePgBouncer(dsn));
    const [pooled, direct] = [open(at(pooler.url)), open(at(dsn))];
    const [missed, heard] = [signal(), signal<string>()];
    await pooled.listen("lexigram_test_pooled", { message: () => {}, missed: missed.hear }, subject);
    await missed.heard;
    await direct.listen("lexigram_test_pooled", { message: heard.hear }, subject);
    pooled.notify("lexigram_test_pooled", "news");
    expect(await heard.heard).toBe("news");
    expect((await pooled.health()).listener).toBe("polling");
  });
});

describe("a server without a pooler", () => {
  test.each([1, 2, 4])("is used as it is through %d connections", async (poolSize) => {
    expect(await open({ ...at(dsn), poolSize }).mode(subject)).toBe("direct");
  });
});
