import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Wish } from "./command-line.ts";
import type { Benchmark, StoreRun } from "./published.ts";

/** Seconds for a store that is left with less: enough to say what it leaves out. */
const LEAST_S = 1;

/**
 * Benchmarks one store after the other, each in a program of its own, as the one that it would be by itself: its rivals
 * may need a newer Node.
 *
 * @returns what each measured, and whether all of it went well.
 */
export async function everyStore(wish: Wish): Promise<{ runs: readonly StoreRun[]; failed: boolean }> {
  const began = performance.now();
  const runs: StoreRun[] = [];
  let failed = false;
  for (const [at, store] of wish.stores.entries()) {
    const folder = mkdtempSync(join(tmpdir(), "bench-"));
    try {
      const left = (wish.withinMs ?? Infinity) - (performance.now() - began);
      // What one store does not use goes to those after it.
      const share = Math.max(LEAST_S, Math.floor(left / (wish.stores.length - at) / 1_000));
      const code = await benchmark(store, wish, folder, Number.isFinite(share) ? share : undefined);
      failed ||= code !== 0;
      const file = readdirSync(folder).find((name) => name.endsWith(".json"));
      if (file === undefined) continue;
      runs.push(...(JSON.parse(readFileSync(join(folder, file), "utf8")) as Benchmark).stores);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { runs, failed };
}

async function benchmark(
  store: string,
  { json, quick, runs, workloads, systems }: Wish,
  out: string,
  withinS: number | undefined,
): Promise<number> {
  const [, program = ""] = process.argv;
  const args = [
    ...process.execArgv,
    program,
    store,
    "--runs",
    String(runs),
    "--out",
    out,
    ...(json ? ["--json"] : []),
    ...(quick ? ["--quick"] : []),
    ...(workloads === undefined ? [] : ["--workloads", workloads.join()]),
    ...(systems === undefined ? [] : ["--systems", systems.join()]),
    ...(withinS === undefined ? [] : ["--within", String(withinS)]),
  ];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
