import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../..", import.meta.url));

const tsc = (...args: string[]): string => {
  const { stdout, status } = spawnSync("node_modules/.bin/tsc", [...args, "--pretty", "false"], {
    cwd: root,
    encoding: "utf8",
  });
  return `${status === 0 ? "" : `ended with ${status}\n`}${stdout}`;
};

// The tests' own project reads the sources, where a file that no entry reaches still counts.
test("what is published types the hooks of an application that imports it", { timeout: 60_000 }, () => {
  expect(tsc("-b", "packages/tasks")).toBe("");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--types", "node"];
  const lib = ["--lib", "es2023,esnext.disposable", "--skipLibCheck"];
  expect(tsc("--ignoreConfig", ...options, ...lib, "packages/tasks/test/types/hooks.test-d.ts")).toBe("");
});
