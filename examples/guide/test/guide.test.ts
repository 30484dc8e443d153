import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const sources = fileURLToPath(new URL("../src", import.meta.url));

/** Programs are shown in the documents between this comment and the end of the block, to the letter. */
const SHOWN = /<!-- examples\/guide\/src\/([\w-]+\.ts) -->\n+```ts\n([\s\S]*?)```/g;

async function shownIn(file: string): Promise<[name: string, code: string][]> {
  const text = await readFile(join(root, file), "utf8");
  return [...text.matchAll(SHOWN)].map(([, name = "", code = ""]) => [name, code]);
}

/** Runs a program of the guide and gives what it printed. */
async function run(name: string, ...args: string[]): Promise<string> {
  const printed: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...values) => void printed.push(values.join(" ")));
  vi.spyOn(console, "table").mockImplementation((rows) => void printed.push(JSON.stringify(rows)));
  vi.spyOn(process, "argv", "get").mockReturnValue([process.execPath, name, ...args]);
  await import(pathToFileURL(join(sources, name)).href);
  return printed.join("\n");
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("guide", () => {
  test("shows programs that exist, to the letter, and every one of them", async () => {
    const guides = (await readdir(join(root, "docs/guide"))).map((name) => `docs/guide/${name}`);
    const shown = (await Promise.all(["README.md", ...guides].map(shownIn))).flat();
    for (const [name, code] of shown) expect(code, name).toBe(await readFile(join(sources, name), "utf8"));
    const names = new Set(shown.map(([name]) => name));
    expect([...names].toSorted()).toEqual((await readdir(sources)).toSorted());
  });

  test("teaches its first program in under 40 lines", async () => {
    const [first] = await shownIn("README.md");
    expect(first?.[0]).toBe("file-index.ts");
    expect(first?.[1].trimEnd().split("\n").length).toBeLessThan(40);
  });

  test("indexes a folder", async () => {
    const folder = await mkdtemp(join(tmpdir(), "guide-"));
    try {
      await writeFile(join(folder, "a.txt"), "hello");
      const sha256 = createHash("sha256").update("hello").digest("hex");
      expect(await run("file-index.ts", folder)).toBe(
        `${JSON.stringify([{ path: join(folder, "a.txt"), bytes: 5, sha256 }])}\n1 files, 0 dead letters`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
