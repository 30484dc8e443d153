import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Application } from "@lexigram/kernel";
import { fileIndexApp } from "../src/app.ts";
import { FileIndex, type IndexOptions } from "../src/file-index.ts";
import { jsonOf, type Report, reportOf, tableOf } from "../src/report.ts";

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "file-index-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function index(options?: IndexOptions): Promise<Report> {
  await using app = await Application.boot({
    modules: [fileIndexApp()],
    config: { logging: { level: "error" } },
  });
  return reportOf(await app.get(FileIndex).index(folder, options), 1);
}

describe("file index", () => {
  test("reads every file once: digest, size, lines and kind", async () => {
    await mkdir(join(folder, "a/b"), { recursive: true });
    const contents = { "x.ts": "one\ntwo\n", "a/empty.txt": "", "a/b/deep.md": "no line feed" };
    for (const [name, text] of Object.entries(contents)) await writeFile(join(folder, name), text);
    const large = Buffer.alloc(3 * 1024 * 1024, "z\n");
    await writeFile(join(folder, "large.bin"), large);

    const report = await index();

    const digests = [...Object.values(contents), large].map(sha256).toSorted();
    expect(report).toMatchObject({
      files: 4,
      indexed: 4,
      deadLetters: 0,
      bytes: 20 + large.length,
      sha256: sha256(digests.join("\n")),
      lost: [],
    });
    expect(report.kinds).toEqual([
      { kind: "binary", files: 1, lines: large.length / 2, bytes: large.length },
      { kind: "text", files: 2, lines: 0, bytes: 12 },
      { kind: "code", files: 1, lines: 2, bytes: 8 },
    ]);
  });

  test("gives up on what is too large or cannot be read, and says why", async () => {
    await writeFile(join(folder, "fine.txt"), "fine");
    await writeFile(join(folder, "huge.txt"), "more than ten bytes");
    await symlink(join(folder, "nowhere"), join(folder, "dangling"));

    const report = await index({ maxBytes: 10 });

    expect(report).toMatchObject({ files: 3, indexed: 1, deadLetters: 2, bytes: 4 });
    const reasons = Object.fromEntries(report.lost.map((l) => [l.path.slice(folder.length + 1), l.reason]));
    expect(reasons["huge.txt"]).toContain("it holds 19 bytes, more than 10");
    expect(reasons["dangling"]).toContain("it cannot be read: ENOENT");
  });

  test("passes over ignored names and does not follow links", async () => {
    await mkdir(join(folder, "node_modules"));
    await writeFile(join(folder, "node_modules/skip.js"), "skip");
    await writeFile(join(folder, "keep.js"), "keep");
    await symlink(join(folder, "keep.js"), join(folder, "link.js"));
    await symlink(folder, join(folder, "loop"));
    expect(await index({ ignore: new Set(["node_modules"]) })).toMatchObject({
      files: 1,
      indexed: 1,
      bytes: 4,
    });
  });

  test("tells how far it is, up to all of all", async () => {
    for (let i = 0; i < 20; i++) await writeFile(join(folder, `${i}.txt`), String(i));
    const told: [number, number, boolean][] = [];
    await index({ onProgress: (done, total, settled) => told.push([done, total, settled]) });
    expect(told.at(-1)).toEqual([20, 20, true]);
    expect(told.every(([done, total]) => done <= total)).toBe(true);
  });

  test("of an empty folder is empty", async () => {
    expect(await index()).toMatchObject({ files: 0, bytes: 0, sha256: sha256("") });
  });

  test("refuses a folder that does not exist", async () => {
    await rm(folder, { recursive: true });
    await expect(index()).rejects.toMatchObject({ code: "ENOENT" });
    await mkdir(folder);
  });
});

describe("report", () => {
  const report = reportOf(
    {
      files: [{ path: "/a.ts", sha256: "ff", bytes: 1_234, lines: 10, kind: "code" }],
      lost: [{ path: "/b", reason: "it cannot be read: EACCES" }],
      deadLetters: 1,
    },
    1_500,
  );

  test("is one line of JSON for a program", () => {
    expect(JSON.parse(jsonOf(report))).toEqual({
      files: 2,
      indexed: 1,
      deadLetters: 1,
      bytes: 1_234,
      sha256: sha256("ff"),
      ms: 1_500,
    });
  });

  test("is a table for a person", () => {
    const table = tableOf(report);
    expect(table).toContain("code      1     10  1,234");
    expect(table).toContain("2 files in 1.50 s (1/s), 1 dead letters");
    expect(table).toContain("✗ /b: it cannot be read: EACCES");
  });
});
