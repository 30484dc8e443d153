import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Application } from "@lexigram/kernel";
import { privatePostgres, privateRabbit, privateRedis } from "@lexigram/services";
import { named, TaskQueueProtocol } from "@lexigram/tasks";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { fileIndexApp } from "../src/app.ts";

const home = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(home, "../../node_modules/.bin/tsc");

const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: home, encoding: "utf8" });

describe("npm start", { timeout: 60_000 }, () => {
  // It compiles what the program stands on, and no more, before it runs it.
  beforeAll(() => {
    const { status, stdout } = spawnSync(tsc, ["-b", home, "--pretty", "false"], { encoding: "utf8" });
    if (status !== 0) throw new Error(`the example cannot be built: ${stdout}`);
  });

  test.for([
    {
      option: "--redis",
      serve: privateRedis,
      storeAt: (redisUrl: string) => ({ type: "redis", redisUrl }) as const,
    },
    {
      option: "--postgres",
      serve: privatePostgres,
      storeAt: (postgresDsn: string) => ({ type: "postgres", postgresDsn }) as const,
    },
  ])("keeps its jobs where $option says", async ({ option, serve, storeAt }) => {
    const server = await serve();
    onTestFinished(() => server.stop());
    const folder = await mkdtemp(join(tmpdir(), "file-index-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    for (let i = 0; i < 20; i++) await writeFile(join(folder, `${i}.txt`), "one\n");

    const { stdout, stderr } = node("dist/main.js", folder, "--json", option, server.url);

    expect({ stderr, report: JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") }).toMatchObject({
      report: { files: 20, indexed: 20, deadLetters: 0, bytes: 80 },
    });
    await using app = await Application.boot({
      modules: [fileIndexApp(storeAt(server.url))],
      config: { logging: { level: "error" } },
    });
    expect(await app.get(named(TaskQueueProtocol, "small")).count("completed")).toBe(20);
  });

  test("keeps its jobs where --rabbitmq says, in queues that are empty in the end", async () => {
    const server = await privateRabbit();
    onTestFinished(() => server.stop());
    const folder = await mkdtemp(join(tmpdir(), "file-index-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    for (let i = 0; i < 20; i++) await writeFile(join(folder, `${i}.txt`), "one\n");

    const { stdout, stderr } = node("dist/main.js", folder, "--json", "--rabbitmq", server.url);

    expect({ stderr, report: JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") }).toMatchObject({
      report: { files: 20, indexed: 20, deadLetters: 0, bytes: 80 },
    });
    await using app = await Application.boot({
      modules: [fileIndexApp({ type: "rabbitmq", amqpUrl: server.url })],
      config: { logging: { level: "error" } },
    });
    const { counts } = await app.get(named(TaskQueueProtocol, "small")).stats();
    expect(counts).toMatchObject({ pending: 0, running: 0, scheduled: 0, failed: 0 });
  });

  test("refuses two stores at once", () => {
    const { stderr, status } = node("dist/main.js", "--redis", "redis://h", "--postgres", "postgres://h/d");
    expect(status).toBe(1);
    expect(stderr).toContain("give one of --redis, --postgres and --rabbitmq");
    expect(stderr).toContain("usage: npm start");
  });
});
