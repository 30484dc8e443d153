import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { format } from "node:util";
import { Application } from "@lexigram/kernel";
import { privatePostgres, privateRedis } from "@lexigram/services";
import { TaskQueueProtocol, TasksModule } from "@lexigram/tasks";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const sources = fileURLToPath(new URL("../src", import.meta.url));

/** Programs are shown in the documents between this comment and the end of the block, to the letter, with what they print. */
const SHOWN =
  /<!-- examples\/guide\/src\/([\w-]+\.ts) -->\n+```ts\n([\s\S]*?)```(?:\n+It prints\n+```text\n([\s\S]*?)\n```)?/g;

interface Shown {
  readonly name: string;
  readonly code: string;
  /** Absent where it depends on the arguments. */
  readonly printed: string | undefined;
}

async function shownIn(file: string): Promise<Shown[]> {
  const text = await readFile(join(root, file), "utf8");
  return [...text.matchAll(SHOWN)].map(([, name = "", code = "", printed]) => ({ name, code, printed }));
}

const guides = (await readdir(join(root, "docs/guide"))).map((name) => `docs/guide/${name}`);
const programs = (await Promise.all(["README.md", ...guides].map(shownIn))).flat();

/** Runs a program of the guide and gives what it printed. */
async function run(name: string, ...args: string[]): Promise<string> {
  const printed: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...values) => void printed.push(format(...values)));
  vi.spyOn(console, "table").mockImplementation((rows) => void printed.push(JSON.stringify(rows)));
  // Lines of the application's log.
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.spyOn(process, "argv", "get").mockReturnValue([process.execPath, name, ...args]);
  // A module runs once, and a program for each of its arguments.
  await import(`${pathToFileURL(join(sources, name)).href}?${encodeURIComponent(args.join(" "))}`);
  return printed.join("\n");
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("guide", () => {
  test("shows programs that exist, to the letter, and every one of them once", async () => {
    const names = (await readdir(sources)).toSorted();
    const written = await Promise.all(
      names.map(async (name) => [name, await readFile(join(sources, name), "utf8")]),
    );
    const shown = programs.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(shown.map(({ name, code }) => [name, code])).toEqual(written);
  });

  test("has a program on each page, and says what it prints", async () => {
    for (const page of guides) {
      const shown = await shownIn(page);
      expect({ page, programs: shown.length }).not.toEqual({ page, programs: 0 });
      for (const { name, printed } of shown)
        expect({ name, printed }).toEqual({ name, printed: expect.any(String) });
    }
  });

  const telling = programs.filter(({ printed }) => printed !== undefined);
  test.for(telling)("runs $name, which prints what its page says", async ({ name, printed }) => {
    expect(await run(name)).toBe(printed);
  });

  test("teaches its first program in under 40 lines", async () => {
    const [first] = await shownIn("README.md");
    expect(first?.name).toBe("file-index.ts");
    expect(first?.code.trimEnd().split("\n").length).toBeLessThan(40);
  });

  test("indexes a folder with its first program", async () => {
    const { folder, printed } = await indexable();
    expect(await run("file-index.ts", folder)).toBe(printed);
  });

  test.for([
    { type: "redis", serve: privateRedis, address: (redisUrl: string) => ({ redisUrl }) },
    { type: "postgres", serve: privatePostgres, address: (postgresDsn: string) => ({ postgresDsn }) },
  ])("keeps the jobs of its first program on $type when told so", async ({ type, serve, address }) => {
    const server = await serve();
    onTestFinished(() => server.stop());
    const { folder, printed } = await indexable();
    expect(await run("file-index.ts", folder, `--${type}`, server.url)).toBe(printed);
    const backends = [{ name: "files", type, ...address(server.url) }];
    await using app = await Application.boot({ modules: [TasksModule.configure({ backends })] });
    expect(await app.get(TaskQueueProtocol).count("completed")).toBe(1);
  });
});

/** A folder with one file, and what the program prints of it. */
async function indexable(): Promise<{ folder: string; printed: string }> {
  const folder = await mkdtemp(join(tmpdir(), "guide-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "a.txt");
  await writeFile(path, "hello");
  const sha256 = createHash("sha256").update("hello").digest("hex");
  return { folder, printed: `${JSON.stringify([{ path, bytes: 5, sha256 }])}\n1 files, 0 dead letters` };
}
