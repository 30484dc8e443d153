import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { pageOf } from "../src/coverage-page.ts";
import { readTable, type Row, type Section, type Table, TABLES } from "../src/coverage.ts";
import { References } from "../src/references.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

describe.each(TABLES)("$page", (table) => {
  test("names for each row what proves it, and all of that is there", () => {
    const references = new References(root);
    const faults = readTable(root, table)
      .flatMap(({ rows }) => rows)
      .flatMap(({ number, proof = [] }) =>
        proof.map((reference) => ({ number, fault: references.fault(reference) })),
      )
      .filter(({ fault }) => fault !== undefined);
    expect(faults).toEqual([]);
  });

  test("is what `npm run proof` writes", () => {
    const page = pageOf(table, readTable(root, table), new References(root));
    expect(readFileSync(join(root, table.page), "utf8")).toBe(page);
  });

  test("says in each section which rows it has, none twice", () => {
    const sections = readTable(root, table).map(({ section }) => section);
    expect(new Set(sections).size).toBe(sections.length);
  });
});

describe("a reference", () => {
  const references = new References(root);

  test.each([
    ["law Q-01"],
    ["law W-09"],
    ["test internal/docs/test/coverage.test.ts: leads to what is there: %s"],
    ["test internal/docs/test/coverage.test.ts: a reference"],
    // Written in a file that several stores share.
    [
      "test packages/tasks-postgres/test/lock/killed-holder.integration.test.ts: that is killed while it waits is passed over",
    ],
    ["types packages/tasks/test/types/tasks.test-d.ts"],
    ["example examples/guide/src/redis.ts"],
    ["setting worker.maxLoad"],
  ])("leads to what is there: %s", (reference) => {
    expect(references.fault(reference)).toBeUndefined();
  });

  test.each([
    ["law Q-999", "there is no law Q-999"],
    ["test internal/docs/test/nowhere.test.ts: a reference", "there is no test file"],
    ["test internal/docs/src/main.ts: a reference", "there is no test file"],
    ["test internal/docs/test/coverage.test.ts: a referenc", "has no test"],
    // A text that is no title.
    ["test internal/docs/test/coverage.test.ts: there is no law Q-999", "has no test"],
    ["types packages/tasks/test/types/nowhere.test-d.ts", "there is no type test"],
    ["example examples/guide/src/nowhere.ts", "there is no example"],
    ["example packages/tasks/src/index.ts", "there is no example"],
    ["setting worker.maxLoa", "no test proves the key"],
    ["rumour Q-01", "is no reference"],
    ["law", "is no reference"],
  ])("that leads nowhere is told: %s", (reference, words) => {
    expect(references.fault(reference)).toContain(words);
  });
});

describe("the data of a table", () => {
  function read(rows: readonly object[], count = rows.length): readonly Section[] {
    const folder = mkdtempSync(join(tmpdir(), "coverage-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, "docs"));
    writeFileSync(join(folder, "docs/t.json"), JSON.stringify([{ section: "s", rows }]));
    const table: Table = {
      data: "docs/t.json",
      page: "docs/t.md",
      title: "T",
      intro: "I",
      head: "h",
      rows: count,
    };
    return readTable(folder, table);
  }
  const row = (number: number, more: Partial<Row> = { proof: ["law Q-01"] }) => ({
    number,
    what: "w",
    ...more,
  });

  test("is read as it stands", () => {
    expect(read([row(1), row(2, { later: "not yet" })])).toEqual([
      { section: "s", rows: [row(1), row(2, { later: "not yet" })] },
    ]);
  });

  test.each<[string, readonly object[], number?]>([
    ["row 3 stands in the place of row 2", [row(1), row(3)]],
    ["row 1 stands in the place of row 2", [row(1), row(1)]],
    ["row 1 has no proof, and does not say why", [row(1, { proof: [] })]],
    ["row 1 has no proof, and does not say why", [row(1, { later: "" })]],
    ["row 1 has prof, which nobody reads", [{ ...row(1), prof: [] }]],
    ["1 rows, not 2", [row(1)], 2],
  ])("is refused: %s", (words, rows, count) => {
    expect(() => read(rows, count)).toThrow(words);
  });

  test("counts on its page what is proven, in part, and later", () => {
    const sections = [
      {
        section: "s",
        rows: [row(1), row(2, { proof: ["law Q-02"], later: "half" }), row(3, { later: "all" })],
      },
    ];
    const page = pageOf(TABLES[0]!, sections, new References(root));
    expect(page).toContain("\n3 rows: 1 proven, 1 in part, 1 later.\n");
    expect(page).toContain("\n| 2 | w | law Q-02<br>_later_: half |\n");
    expect(page).toContain("\n| 3 | w | _later_: all |\n");
  });
});
