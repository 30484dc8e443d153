import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { PublishedBenchmark } from "../src/published.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const node = (...args: string[]): { stdout: string; stderr: string; status: number | null } =>
  spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });

const positive = expect.toSatisfy(
  (value: unknown) => typeof value === "number" && value > 0,
  "a number above 0",
);

describe("the benchmark", () => {
  beforeAll(() => {
    // Its runners are processes of their own, which take what was built.
    const built = node("node_modules/typescript/bin/tsc", "-b", "benchmarks", "--pretty", "false");
    if (built.status !== 0) throw new Error(`the benchmarks cannot be built: ${built.stdout}${built.stderr}`);
  });

  test("prints one line of JSON for each result", { timeout: 120_000 }, () => {
    const options = ["--workloads", "W2,W6", "--quick", "--systems", "ours,plain", "--runs", "1", "--json"];
    const { stdout, stderr, status } = node("benchmarks/dist/main.js", "memory", ...options);
    expect(stderr).toMatch(/^node v\d+.* GiB; quick run, not to be quoted\n$/);
    expect(status).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ workload, system, variant }) => [workload, system, variant])).toEqual([
      ["W2", "plain", undefined],
      ["W2", "ours", undefined],
      ["W2", "ours", "keepCompleted: 0"],
      ["W6", "plain", undefined],
      ["W6", "ours", undefined],
      ["W6", "ours", "keepCompleted: 0"],
    ]);
    for (const { workload, system: _, variant: __, ...line } of lines)
      expect(line).toEqual({
        store: "memory",
        version: expect.stringMatching(/\d+\.\d+/),
        runs: 1,
        spread: [positive, positive],
        clientUs: positive,
        ...(workload === "W2"
          ? { concurrency: 1, n: 10_000, perSecond: positive, p50Ms: null, p99Ms: null }
          : { concurrency: 10, n: 300, perSecond: null, p50Ms: positive, p99Ms: positive }),
      });
  });

  test("of all stores writes what each measured, beside the others", { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "bench-all-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const options = [
      "--quick",
      "--workloads",
      "W2",
      "--systems",
      "ours/,ours/quorum,plain/quorum",
      "--out",
      folder,
    ];
    const { stderr, status } = node("benchmarks/dist/main.js", "all", ...options, "--json");
    expect(stderr).not.toContain("FAIL");
    expect(status).toBe(0);
    const [json = "", page = ""] = readdirSync(folder).toSorted();
    expect(json).toMatch(/^\d{4}-\d\d-\d\d-bench-quick\.json$/);
    expect(page).toBe(json.replace(/json$/, "md"));
    const { stores, ratios, quick } = JSON.parse(
      readFileSync(join(folder, json), "utf8"),
    ) as PublishedBenchmark;
    expect(quick).toBe(true);
    expect(stores.map(({ store, cells }) => [store, cells.map(({ system }) => system)])).toEqual([
      ["memory", ["ours"]],
      ["redis", ["ours"]],
      ["postgres", ["ours"]],
      ["rabbitmq", ["plain", "ours"]],
    ]);
    expect(ratios).toMatchObject([
      { store: "rabbitmq", workload: "W2", against: "plain (quorum)", times: positive },
    ]);
  });

  test("runs ours, a rival and the spike on a server of its own", { timeout: 120_000 }, () => {
    const options = ["--workloads", "W5,W8", "--quick", "--systems", "spike,ours,bee-queue", "--runs", "1"];
    const { stdout, stderr, status } = node("benchmarks/dist/main.js", "redis", ...options, "--json");
    expect(stderr).toMatch(
      /^node .*\nredis \d+\.\d+\.\d+, a server of its own .*, appendonly no, appendfsync everysec, save ""\n/,
    );
    // The bars are judged beside the results.
    expect(stderr).toContain("| W5, c=100: perSecond against spike | ≥ 0.6× |");
    expect(stderr).not.toContain("FAIL");
    expect(status).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ workload, system, n }) => [workload, system, n])).toEqual([
      ["W5", "spike", 5_000],
      ["W5", "ours", 5_000],
      ["W5", "ours", 5_000],
      ["W5", "bee-queue", 2_000],
      ["W8", "spike", 5_000],
      ["W8", "ours", 5_000],
      ["W8", "ours", 5_000],
      ["W8", "bee-queue", 5_000],
    ]);
    for (const { workload, ...line } of lines)
      expect(line).toMatchObject(
        workload === "W8" ? { bytesPerJob: positive } : { perSecond: positive, serverUs: positive },
      );
  });

  test("runs ours, the spike and a rival on a PostgreSQL that is durable", { timeout: 300_000 }, () => {
    // None of them needs a newer Node.
    const options = [
      "--workloads",
      "W6",
      "--quick",
      "--systems",
      "spike,ours,bullmq",
      "--runs",
      "1",
      "--json",
    ];
    const { stdout, stderr, status } = node("benchmarks/dist/main.js", "postgres", ...options);
    expect(stderr).toMatch(
      /^node .*\npostgres \d+\.\d+, a server of its own .*, fsync on, synchronous_commit on, full_page_writes on, /,
    );
    expect(stderr).toContain("| W6, c=10: p50Ms against bullmq");
    expect(stderr).not.toContain("FAIL");
    expect(status).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ system, variant }) => [system, variant])).toEqual([
      ["spike", undefined],
      ["ours", undefined],
      ["ours", "keepCompleted: 0"],
      ["bullmq", undefined],
      ["bullmq", "removeOnComplete"],
    ]);
    for (const line of lines)
      expect(line).toMatchObject({
        n: 100,
        p50Ms: positive,
        serverUs: positive,
        walBytes: positive,
        deadRows: positive,
      });
  });

  test("runs ours beside plain amqplib on a RabbitMQ, on both types of queue", { timeout: 300_000 }, () => {
    const options = ["--workloads", "W6,W8", "--quick", "--runs", "1", "--json"];
    const { stdout, stderr, status } = node("benchmarks/dist/main.js", "rabbitmq", ...options);
    expect(stderr).toMatch(/^node .*\nrabbitmq \d+\.\d+\.\d+, a server of its own /);
    expect(stderr).toContain("| W6, c=10: p50Ms against plain (quorum) | ≤ 1.2× |");
    expect(stderr).not.toContain("FAIL");
    expect(status).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    // What a message takes up, this server does not tell.
    expect(lines.map(({ workload, system, variant }) => [workload, system, variant])).toEqual([
      ["W6", "plain", "quorum"],
      ["W6", "ours", "quorum"],
      ["W6", "plain", "classic"],
      ["W6", "ours", "classic"],
    ]);
    for (const line of lines) expect(line).toMatchObject({ n: 100, p50Ms: positive, serverUs: positive });
  });

  test("lets no backlog grow while readers hold snapshots of PostgreSQL", { timeout: 300_000 }, () => {
    const options = ["--workloads", "B2", "--quick", "--systems", "ours", "--runs", "1", "--json"];
    const { stdout, stderr, status } = node("benchmarks/dist/main.js", "postgres", ...options);
    expect(stderr).toContain("| B2, c=1: p99Ms | ≤ 20 |");
    expect(stderr).not.toContain("FAIL");
    expect(status).toBe(0);
    const line = JSON.parse(stdout) as Record<string, number>;
    expect(line).toMatchObject({
      system: "ours",
      n: 8_000,
      p50Ms: positive,
      p99Ms: positive,
      deadRows: positive,
    });
    // What one reader kept of nearly two thirds of the jobs: without it, vacuum would have come by.
    expect(line["heldRows"]).toBeGreaterThan(8_000);
    expect(line["backlog"]).toBeLessThan(800);
  });

  test.each([["papyrus"], ["memory", "--appendfsync", "always"], ["redis", "--appendfsync", "never"]])(
    "refuses a store that it does not know, or does not keep a log: %s",
    (...args) => {
      const { stderr, status } = node("benchmarks/dist/main.js", ...args);
      expect(status).toBe(2);
      expect(stderr).toContain("usage: npm run bench");
    },
  );
});
