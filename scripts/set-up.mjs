// Brings a bare clone to where its tools can run: the pinned pnpm through npx, one frozen install. When nothing that an
// install depends on has changed since the last one, it costs a few file reads.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./process.mjs";

const oldest = [20, 19];
const stamp = join(root, "node_modules/.lexigram-installed");

function manifests() {
  const inside = ["packages", "internal", "examples"].flatMap((folder) =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => join(folder, name)) : [],
  );
  return [".", "benchmarks", "chaos", ...inside].map((folder) => join(folder, "package.json"));
}

function fingerprint() {
  const hash = createHash("sha256");
  for (const path of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests()]) {
    const file = join(root, path);
    hash
      .update(`${path}\0`)
      .update(existsSync(file) ? readFileSync(file) : "")
      .update("\0");
  }
  return hash.update(process.version).digest("hex");
}

/** Runs pnpm at the version that package.json pins. Its chatter goes to stderr unless `options` say otherwise. */
export function pnpm(args, options = {}) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  // Without --prefer-offline npx asks the registry even for a version it holds, and hangs where there is no network.
  return run("npx", ["--yes", "--prefer-offline", packageManager, ...args], { stdout: "stderr", ...options });
}

export async function setUp() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    console.error(`Node ${oldest.join(".")} or newer is needed; this is ${process.versions.node}.`);
    process.exit(1);
  }
  const wanted = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const { code } = await pnpm(["install", "--frozen-lockfile", "--prefer-offline"]);
  if (code !== 0) process.exit(code);
  writeFileSync(stamp, wanted);
}
