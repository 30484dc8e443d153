import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ManualClock, uniqueName } from "@lexigram/conformance";
import { ClosedError } from "@lexigram/contracts";
import { freePort, sharedServers } from "@lexigram/services";
import { beforeAll, describe, expect, test } from "vitest";
import { at, ONE, open, PID, signal, subject } from "./opened.ts";

describe("owners of one DSN", () => {
  test("share connections until the last has closed", async () => {
    const dsn = `${sharedServers.postgres}?application_name=${uniqueName("share")}`;
    const options = { ...at(dsn), poolSize: 1 };
    const [one, two] = [open(options), open(options)];
    const [pid] = await one.run(PID, [], { subject });
    expect(await two.run(PID, [], { subject })).toEqual([pid]);
    await one.close();
    await one.close();
    await expect(one.run(ONE, [], { subject })).rejects.toThrow(ClosedError);
    expect(await two.run(PID, [], { subject })).toEqual([pid]);
    await two.close();
    const three = open(options);
    expect(await three.run(PID, [], { subject })).not.toEqual([pid]);
  });

  test("share nothing when they ask differently", async () => {
    const dsn = `${sharedServers.postgres}?application_name=${uniqueName("differ")}`;
    const options = { ...at(dsn), poolSize: 1 };
    const owners = [
      open(options),
      open({ ...options, callTimeoutMs: 1_000 }),
      open({ ...options, poolSize: 2 }),
      open({ ...options, pooler: true }),
      open({ ...options, clock: new ManualClock() }),
    ];
    const pids = await Promise.all(owners.map((owner) => owner.run(PID, [], { subject })));
    expect(new Set(pids.map(([row]) => row?.["pid"])).size).toBe(5);
  });
});

describe("a closed database", () => {
  test("lets what is under way end, and ends what listens", async () => {
    const database = open({ ...at(sharedServers.postgres), poolSize: 3 });
    await database.listen("lexigram_test_close", { message: () => {} }, subject);
    const under = database.run(ONE, [], { subject });
    await database.close();
    expect(await under).toEqual([{ one: 1 }]);
    await expect(database.listen("c", { message: () => {} }, subject)).rejects.toThrow(ClosedError);
    expect((await database.health()).error).toBeInstanceOf(ClosedError);
  });
});

describe("a process", () => {
  const home = fileURLToPath(new URL("../..", import.meta.url));
  const program = `
    import { openDatabase } from "./dist/connection/open-database.js";
    import { Statement } from "./dist/connection/statement.js";
    const [how, dsn] = process.argv.slice(1);
    const database = openDatabase({ target: { kind: "dsn", dsn } });
    const run = () => database.run(new Statement("SELECT 1"), [], { subject: "emails" });
    if (how === "away") await run().catch(() => {});
    else await Promise.all([run(), run(), run()]);
    if (how === "listening") await database.listen("c", { message() {} }, "emails");
    if (how !== "away") database.notify("c");
    await database.close();
    console.log("closed");
  `;

  // What is published is what runs there: Node cannot run the sources.
  beforeAll(() => {
    execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home]);
  });

  test.each(["used", "listening", "away"])("exits by itself after close: %s", async (how) => {
    const port = how === "away" ? await freePort() : new URL(sharedServers.postgres).port;
    const dsn = new URL(sharedServers.postgres);
    dsn.port = String(port);
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, how, dsn.href], {
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
