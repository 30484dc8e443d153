import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

const node = (...args: string[]): { stdout: string; stderr: string; status: number | null } =>
  spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });

describe("the chaos command", () => {
  beforeAll(() => {
    // Its workers and producers are processes of their own, which take what was built.
    const built = node("node_modules/typescript/bin/tsc", "-b", "chaos", "--pretty", "false");
    if (built.status !== 0) throw new Error(`chaos cannot be built: ${built.stdout}${built.stderr}`);
  });

  test.each([
    ["a store that it does not know", ["papyrus"]],
    ["a scenario that it does not know", ["redis", "--scenario", "worker-kill,flood"]],
    ["a seed that is no number", ["redis", "--seed", "lucky"]],
  ])("refuses %s, and tells what there is", (_, args) => {
    const { stdout, stderr, status } = node("chaos/dist/main.js", ...args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("usage: npm run chaos");
    expect(stderr).toMatch(/^ {4}failover +SIGKILL of the primary/m);
  });
});
