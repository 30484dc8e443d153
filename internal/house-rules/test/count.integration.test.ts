// The last line of `npm test` is what others believe, so it is itself under test.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { runChecks } from "../../../scripts/checks.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));

const counts = (passed: number, failed: number, skipped = 0) => ({
  passed,
  failed,
  skipped,
  failures: failed > 0 ? ["a failure"] : [],
  output: "",
});

describe("the count", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const said = async (...results: ReturnType<typeof counts>[]): Promise<{ code: number; last: unknown }> => {
    const log = vi.spyOn(console, "log").mockReturnValue();
    const code = await runChecks(
      results.map((result) => ({ name: "check", run: () => Promise.resolve(result) })),
    );
    return { code, last: String(log.mock.lastCall?.[0]).split("\n").at(-1) };
  };

  test("adds every check up and ends well when none failed", async () => {
    expect(await said(counts(1, 0), counts(7, 0))).toEqual({ code: 0, last: "8 passed, 0 failed" });
  });

  test("goes on after a failure and ends badly", async () => {
    expect(await said(counts(0, 1), counts(7, 2))).toEqual({ code: 1, last: "7 passed, 3 failed" });
  });

  test("says what was skipped", async () => {
    expect(await said(counts(1, 0, 2))).toEqual({ code: 0, last: "1 passed, 0 failed, 2 skipped" });
  });
});

describe("the tally of a test run", () => {
  const folder = mkdtempSync(join(tmpdir(), "tally-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("counts what passed, failed, was skipped, broke at import or was lost", () => {
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const api = 'import { describe, expect, test, beforeAll } from "vitest";\n';
    write("passes.test.ts", `${api}test("a", () => {}); test("b", () => {}); test.skip("c", () => {});`);
    write("fails.test.ts", `${api}test("a", () => { expect(1).toBe(2); });`);
    write("breaks.test.ts", 'throw new Error("at import");');
    write("loses.test.ts", `${api}test("a", () => { void Promise.reject(new Error("lost")); });`);
    const tally = join(folder, "tally.json");

    const { status } = spawnSync(
      join(root, "node_modules/.bin/vitest"),
      ["run", "--root", folder, `--reporter=${join(root, "scripts/tally.mjs")}`],
      { cwd: folder, env: { ...process.env, LEX_TALLY_FILE: tally } },
    );

    expect(status).toBe(1);
    const { failures, ...numbers } = JSON.parse(readFileSync(tally, "utf8")) as { failures: string[] };
    expect(numbers).toEqual({ passed: 3, failed: 3, skipped: 1 });
    expect(failures.toSorted()).toEqual([
      "breaks.test.ts > outside its tests",
      "fails.test.ts > a",
      "unhandled: lost",
    ]);
  });
});
