import { readFile } from "node:fs/promises";
import { FULL_CAPABILITIES, JOB_STATES, LEGAL_MOVES } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import {
  limitCases,
  lockCases,
  parseManifests,
  queueCases,
  scheduleCases,
  stateCases,
  workflowCases,
} from "../src/index.ts";

const page = (name: string): Promise<string> =>
  readFile(new URL(`../../../docs/laws/${name}.md`, import.meta.url), "utf8");

function lawsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^- \*\*([KLQSTW]-\d+)\*\* /gm)].map((match) => match[1] ?? "");
}

const both = [
  { name: "queue", cases: queueCases },
  { name: "state", cases: stateCases },
  { name: "schedules", cases: scheduleCases },
  { name: "limits", cases: limitCases },
  { name: "workflows", cases: workflowCases },
  { name: "locks", cases: lockCases },
] as const;

describe.each(both)("laws of $name", ({ name, cases }) => {
  test("are each checked by a case, and every case cites one that exists", async () => {
    const laws = lawsOf(await page(name));
    expect([...new Set<string>(cases.map((c) => c.law))]).toEqual(laws);
  });

  test("are numbered without gaps and repeats", async () => {
    const numbers = lawsOf(await page(name)).map((law) => Number(law.slice(2)));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  });

  test("are checked by cases that can be told apart", () => {
    const titles = cases.map((c) => `${c.law} ${c.name}`);
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
  });
});

describe("legal moves", () => {
  test("stand in the laws as in the code", async () => {
    const rows = [...(await page("queue")).matchAll(/^\| (\w+) +\| ([\w, ()]+?) +\|$/gm)]
      .map(([, from = "", to = ""]) => [from, to === "(none)" ? [] : to.split(", ")] as const)
      .filter(([from]) => from !== "from");
    expect(Object.fromEntries(rows)).toEqual(LEGAL_MOVES);
    expect(rows.map(([from]) => from)).toEqual(JOB_STATES);
  });
});

describe("required manifests", () => {
  test("name every capability there is, for each backend", async () => {
    const manifests = parseManifests(await page("manifests"));
    expect([...manifests.keys()]).toEqual(["memory", "redis", "postgres", "rabbitmq", "rabbitmq-indexed"]);
    for (const manifest of manifests.values())
      expect(Object.keys(manifest)).toEqual(Object.keys(FULL_CAPABILITIES));
  });

  test("ask for the strongest value of each, transactions apart", async () => {
    const manifests = parseManifests(await page("manifests"));
    expect(manifests.get("memory")).toEqual(FULL_CAPABILITIES);
    expect(manifests.get("redis")).toEqual(FULL_CAPABILITIES);
    expect(manifests.get("postgres")).toEqual({ ...FULL_CAPABILITIES, transactions: true });
  });

  test("are refused when they cannot be read", () => {
    expect(() => parseManifests("| capability | memory |\n| --- | --- |\n| delay | perhaps |")).toThrow(
      "perhaps",
    );
    expect(() => parseManifests("| capability | memory |\n| --- | --- |\n| delay |")).toThrow("delay");
    expect(() => parseManifests("no table")).toThrow("no table");
  });
});
