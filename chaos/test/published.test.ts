import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { publish } from "../src/published.ts";
import { passedOutcome } from "./passed-outcome.ts";

const outcome = passedOutcome;

test("a run is published under its day, as data and as a page, without the folders of its machine", () => {
  const folder = mkdtempSync(join(tmpdir(), "published-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const bad = {
    ...outcome,
    store: "postgres",
    lost: 2,
    missed: ["2 accepted jobs never ended"],
    kept: "/tmp/x",
  };
  const run = {
    date: "2026-11-30",
    quick: true,
    seed: 42,
    machine: "Node v1, 2 × CPU, 4 GiB",
    settings: { redis: "appendfsync always", postgres: "its defaults" },
    outcomes: [outcome, bad],
  };
  const files = publish(join(folder, "deeper"), run);
  expect(files.map((file) => file.slice(folder.length))).toEqual([
    "/deeper/2026-11-30-chaos-quick.json",
    "/deeper/2026-11-30-chaos-quick.md",
  ]);
  const { kept: _, ...without } = bad;
  expect(JSON.parse(readFileSync(files[0]!, "utf8"))).toEqual({ ...run, outcomes: [outcome, without] });
  const page = readFileSync(files[1]!, "utf8");
  expect(page).toContain("Node v1, 2 × CPU, 4 GiB. Seed 42. A quick run");
  expect(page).toContain("| worker-kill | 5,012 | 5,012 | 0 | 1 | 44 | 6 | 120 | 0 | 0 | 31 | ok |");
  expect(page).toContain("| **missed**: 2 accepted jobs never ended |");
  expect(page).not.toContain("/tmp/x");
  expect(publish(folder, { ...run, quick: false })[0]).toMatch(/2026-11-30-chaos\.json$/);
});
