// What no linter sees: files that no tool would look at, and a linter that was told to look away without a reason.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const folders = ["packages", "internal", "examples"].flatMap((floor) =>
  readdirSync(join(root, floor)).map((name) => `${floor}/${name}`),
);
const rooms = [...folders, "benchmarks", "chaos"].filter((room) =>
  existsSync(join(root, room, "package.json")),
);

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) yield path;
    else if (!["node_modules", "dist", "plants", ".turbo"].includes(entry.name)) yield* walk(path);
  }
}
const files = rooms.flatMap((room) => [...walk(room)]);

test("every test lies where its tier runs it", () => {
  const tests = files.filter((path) => /\.(test|spec)(-d)?\.[cm]?[jt]sx?$/.test(path));
  const runs = /^((packages|internal|examples)\/[^/]+|benchmarks|chaos)\/test\/.*\.test(-d)?\.ts$/;
  expect(tests.filter((path) => !runs.test(path))).toEqual([]);
});

test("every project is compiled by the root", () => {
  const { references } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")) as {
    references: { path: string }[];
  };
  const projects = files
    .filter((path) => path.endsWith("/tsconfig.json"))
    .map((path) => path.replace(/\/[^/]+$/, ""));
  expect(references.map(({ path }) => path)).toEqual(expect.arrayContaining(projects));
});

test("every room with tests has a project that compiles them", () => {
  const tested = rooms.filter((room) => files.some((path) => path.startsWith(`${room}/test/`)));
  const compiled = (room: string): boolean =>
    existsSync(join(root, room, "test/tsconfig.json")) ||
    (room.startsWith("internal/") && existsSync(join(root, room, "tsconfig.json")));
  expect(tested.filter((room) => !compiled(room))).toEqual([]);
});

// The linter knows a banned global by its name and as a member of globalThis, not in a pattern.
test("no source takes globals apart", () => {
  const sources = files.filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path));
  const apart = /\}\s*=\s*(globalThis|global)\b|[=(,]\s*(globalThis|global)\s*[;,)\n]/;
  expect(apart.test("const { setImmediate: turn } = globalThis;")).toBe(true);
  expect(sources.filter((path) => apart.test(readFileSync(join(root, path), "utf8")))).toEqual([]);
});

test("whoever silences the linter says why", () => {
  const silent = files
    .filter((path) => /\.[cm]?[jt]s$/.test(path))
    .flatMap((path) =>
      readFileSync(join(root, path), "utf8")
        .split("\n")
        .map((line, index) => ({ line, place: `${path}:${index + 1}` })),
    )
    .filter(({ line }) => /(\/\/|\/\*)\s*(ox|es)lint-disable/.test(line) && !/ -- \S/.test(line));
  expect(silent.map(({ place }) => place)).toEqual([]);
});
