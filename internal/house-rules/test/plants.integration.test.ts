// A rule is trusted only after a planted violation turned it red. Each file under plants/ lies where the rule looks for
// it and says in its first line what it breaks.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { bannedGlobals, bannedProperties, floors, taskRooms } from "../src/floors.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const plants = join(root, "internal/house-rules/plants");
const field = mkdtempSync(join(tmpdir(), "house-rules-"));

afterAll(() => rmSync(field, { recursive: true, force: true }));

interface Diagnostic {
  readonly message: string;
  readonly code?: string;
  readonly help?: string;
  readonly filename: string;
}

/** The house rule that a diagnostic names in brackets, or else the linter's own name for its rule. */
function broken({ message, code, help }: Diagnostic): string {
  const named = /\[([a-z-]+)\]/.exec(`${message} ${help ?? ""}`)?.[1];
  if (named !== undefined) return named;
  return code ?? (message.startsWith("Unused oxlint-disable") ? "unused-disable" : message);
}

function sow(): Map<string, string[]> {
  for (const path of [
    ".oxlintrc.json",
    "oxlint.config.mjs",
    "tsconfig.base.json",
    "internal/house-rules/src",
  ])
    cpSync(join(root, path), join(field, path), { recursive: true });
  cpSync(join(plants, "packages"), join(field, "packages"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(field, "node_modules"));
  writeFileSync(
    join(field, "tsconfig.json"),
    JSON.stringify({
      extends: "./tsconfig.base.json",
      compilerOptions: { types: [] },
      include: ["packages"],
    }),
  );
  writeFileSync(
    join(field, "packages/tasks/src/goes-on-and-on.ts"),
    `// breaks: eslint(max-lines)\n${"export {};\n".repeat(400)}`,
  );

  const expected = new Map<string, string[]>();
  for (const path of readdirSync(join(field, "packages"), { recursive: true, encoding: "utf8" }))
    if (path.endsWith(".ts")) {
      const claim = /^\/\/ breaks: (.+)\n/.exec(readFileSync(join(field, "packages", path), "utf8"))?.[1];
      expected.set(join("packages", path), claim === "nothing" ? [] : (claim?.split(", ") ?? ["no claim"]));
    }
  return expected;
}

function reap(): Map<string, Set<string>> {
  const oxlint = join(root, "node_modules/.bin/oxlint");
  const run = spawnSync(oxlint, ["-c", "oxlint.config.mjs", "--format", "json", "packages"], {
    cwd: field,
    encoding: "utf8",
  });
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: Diagnostic[] };
  const found = new Map<string, Set<string>>();
  for (const diagnostic of diagnostics) {
    const rules = found.get(diagnostic.filename) ?? new Set();
    found.set(diagnostic.filename, rules.add(broken(diagnostic)));
  }
  return found;
}

const expected = sow();
const found = reap();

describe("a planted violation", () => {
  test.for([...expected].map(([path, rules]) => ({ path, rules, claim: rules.join(", ") || "nothing" })))(
    "$path breaks $claim",
    ({ path, rules }) => {
      expect([...(found.get(path) ?? [])].toSorted()).toEqual(rules.toSorted());
    },
  );
});

describe("the house", () => {
  const planted = [...new Set([...expected.values()].flat())];
  const named = (messages: readonly string[]): (string | undefined)[] =>
    messages.map((message) => /\[(.+)\]/.exec(message)?.[1]);

  test("has a plant for every floor", () => {
    expect(planted).toEqual(expect.arrayContaining(floors.map(({ rule }) => rule)));
  });

  test("has a plant for every room of tasks", () => {
    const rules = Object.entries(taskRooms).flatMap(([room, { sees, packages, seenBy }]) => [
      ...(sees || packages ? [`tasks-${room}-looks-down`] : []),
      ...(seenBy ? [`tasks-${room}-is-seen-by-few`] : []),
    ]);
    expect(planted).toEqual(expect.arrayContaining(rules));
  });

  test("has a plant for everything that is injected", () => {
    expect(planted).toEqual(expect.arrayContaining(named(Object.values(bannedGlobals))));
    expect(planted).toEqual(expect.arrayContaining(named(bannedProperties.map(([, , message]) => message))));
  });

  test("has a plant for every rule that holds everywhere", () => {
    const text = readFileSync(join(root, ".oxlintrc.json"), "utf8").replace(/^\s*\/\/.*$/gm, "");
    const { rules } = JSON.parse(text) as { rules: Record<string, unknown> };
    const on = Object.keys(rules).filter((name) => rules[name] !== "off");
    expect(planted).toEqual(expect.arrayContaining(on.map((name) => name.replace(/(.+)\/(.+)/, "$1($2)"))));
  });
});

describe("a type test", () => {
  const run = spawnSync(
    join(root, "node_modules/.bin/tsc"),
    ["-p", join(plants, "types"), "--pretty", "false"],
    {
      cwd: plants,
      encoding: "utf8",
    },
  );

  test("fails where the type is another", () => {
    expect(run.stdout).toMatch(/^types\/wrong-expectation\.test-d\.ts\(3,\d+\): error TS/m);
  });

  test("fails where an expected error does not come", () => {
    expect(run.stdout).toMatch(/^types\/nothing-to-expect\.test-d\.ts\(1,1\): error TS2578/m);
  });
});
