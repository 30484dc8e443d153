// The one entry of the npm scripts: node scripts/dev.mjs <job> [arguments].
import { join } from "node:path";
import { packages, files, runChecks, services, statics, tests } from "./checks.mjs";
import { root, run, tool } from "./process.mjs";
import { pnpm, setUp } from "./set-up.mjs";

/** Compiles a program with all it stands on and runs it from where npm was called; its output alone goes to stdout. */
async function launch(folder, args, program = "main") {
  const built = await run(tool("tsc"), ["-b", folder], { stdout: "stderr" });
  if (built.code !== 0) return built.code;
  const main = join(root, folder, `dist/${program}.js`);
  return (await run(process.execPath, [main, ...args], { cwd: process.env.INIT_CWD })).code;
}

/** What a narrowed run does not run is said, so that its green is not taken for more than it is. */
function sayLeftOut(args) {
  const filters = args.filter((arg) => !arg.startsWith("-"));
  if (filters.length === 0) return;
  const all = files(".test.ts");
  const out = all.filter((path) => !filters.some((filter) => path.includes(filter)));
  const folders = new Map();
  for (const path of out) {
    const folder = path.replace(/\/test\/.*/, "");
    folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  console.log(`left out by "${filters.join(" ")}": ${out.length} of ${all.length} test files`);
  for (const [folder, count] of folders) console.log(`      ${folder} (${count})`);
}

const jobs = {
  start: (args) => launch("examples/file-index", args),
  bench: (args) => launch("benchmarks", args),
  "bench:plot": (args) => launch("benchmarks", args, "plot"),
  chaos: (args) => launch("chaos", args),
  soak: (args) => launch("chaos", args, "soak"),
  proof: (args) => launch("internal/docs", args),
  build: async () => (await pnpm(["exec", "turbo", "run", "build", "--output-logs=errors-only"])).code,
  "pack:check": () => runChecks([packages]),
  check: () => runChecks(statics),
  test(args) {
    sayLeftOut(args);
    return runChecks([...statics, services, tests(args), packages]);
  },
  async fix() {
    const lint = await run(tool("oxlint"), ["-c", "oxlint.config.mjs", "--fix"]);
    const format = await run(tool("oxfmt"), []);
    return lint.code || format.code;
  },
};

const [name, ...args] = process.argv.slice(2);
if (!Object.hasOwn(jobs, name)) {
  console.error(`usage: node scripts/dev.mjs ${Object.keys(jobs).join(" | ")}`);
  process.exit(2);
}
await setUp();
process.exitCode = await jobs[name](args);
