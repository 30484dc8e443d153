// Every check of the repository as one list. Each ends in a row of counts, and none hides those after it.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run, tool } from "./process.mjs";
import { pnpm } from "./set-up.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number, failures: string[], output: string }} Outcome */

/** @returns {Outcome} */
const outcome = (name, { code, output }) => ({
  passed: code === 0 ? 1 : 0,
  failed: code === 0 ? 0 : 1,
  skipped: 0,
  failures: code === 0 ? [] : [name],
  output: code === 0 ? "" : output,
});

/** Files of the workspace whose path ends in `suffix`. */
export function files(suffix) {
  const skipped = /(^|\/)(node_modules|dist|plants)(\/|$)/;
  return ["packages", "internal", "examples", "benchmarks", "chaos"]
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) =>
        join(folder, path),
      ),
    )
    .filter((path) => path.endsWith(suffix) && !skipped.test(path))
    .toSorted();
}

async function types() {
  const result = await run(tool("tsc"), ["-b", "--pretty", "false"], { stdout: "pipe" });
  const faulty = [...result.output.matchAll(/^(.+?)\(\d+,\d+\): error /gm)].map(([, path]) => path);
  const typeTests = files(".test-d.ts");
  // A compiler that ends badly without naming a file has judged none of them.
  const judged = result.code === 0 || faulty.length > 0;
  const failed = typeTests.filter((path) => !judged || faulty.includes(path));
  const elsewhere = result.code !== 0 && (!judged || faulty.some((path) => !typeTests.includes(path)));
  return {
    passed: typeTests.length - failed.length + (elsewhere ? 0 : 1),
    failed: failed.length + (elsewhere ? 1 : 0),
    skipped: 0,
    failures: [...(elsewhere ? ["types"] : []), ...failed],
    output: result.output,
  };
}

async function vitest(args) {
  const folder = mkdtempSync(join(tmpdir(), "lexigram-tally-"));
  const file = join(folder, "tally.json");
  try {
    const reporters = ["--reporter=default", "--reporter=./scripts/tally.mjs"];
    const { code } = await run(tool("vitest"), ["run", ...reporters, ...args], {
      env: { LEX_TALLY_FILE: file },
    });
    if (!existsSync(file)) return outcome("tests: vitest left no result", { code: code || 1, output: "" });
    const tally = { ...JSON.parse(readFileSync(file, "utf8")), output: "" };
    if (code !== 0 && tally.failed === 0) {
      tally.failed = 1;
      tally.failures.push(`tests: vitest ended with code ${code}`);
    }
    return tally;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const check = (name, command, ...args) => ({
  name,
  run: async () => outcome(name, await run(command, args, { stdout: "pipe" })),
});

export const statics = [
  check("format", tool("oxfmt"), "--check"),
  check("lint", tool("oxlint"), "-c", "oxlint.config.mjs"),
  { name: "types", run: types },
  check("unused code", tool("knip"), "--no-progress"),
];

export const services = check("services", "bash", "scripts/services.sh");

export const tests = (args) => ({ name: "tests", live: true, run: () => vitest(args) });

export const packages = {
  name: "package shape",
  run: async () =>
    outcome(
      "package shape",
      await pnpm(
        [
          "exec",
          "turbo",
          "run",
          "pack:check",
          "--filter=./packages/*",
          "--continue",
          "--output-logs=errors-only",
        ],
        { stdout: "pipe" },
      ),
    ),
};

/** Runs checks one after the other and closes with what a log reader looks for. Resolves to the exit code. */
export async function runChecks(checks) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  const began = performance.now();
  const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
  for (const { name, live = false, run: start } of checks) {
    if (live) console.log(`      ${name} ...`);
    const since = performance.now();
    const result = await start();
    if (result.output) console.log(result.output.trimEnd());
    const count =
      result.passed + result.failed > 1 ? `, ${result.passed} passed, ${result.failed} failed` : "";
    console.log(`${result.failed === 0 ? "ok   " : "FAIL "} ${name} (${seconds(since)}${count})`);
    for (const key of Object.keys(total)) total[key] += result[key];
    failures.push(...result.failures);
  }
  console.log(`\n${seconds(began)} in all`);
  for (const failure of failures) console.log(`FAIL  ${failure}`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed === 0 ? 0 : 1;
}
