import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryBackend } from "@lexigram/tasks";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { overlaid } from "../src/broken/overlaid.ts";
import { type Soaked, soak, type SoakOptions } from "../src/soak/soak.ts";
import { publishSoak } from "../src/soak/soak-ledger.ts";

vi.setConfig({ testTimeout: 120_000 });

const briefly = (more: Partial<SoakOptions> = {}): Promise<Soaked> =>
  soak({
    store: "memory",
    durationMs: 3_000,
    rate: 100,
    sampleMs: 200,
    seed: 5,
    signal: new AbortController().signal,
    ...more,
  });

describe("a soak", () => {
  test("on memory ends everything that it began, of every kind, and misses nothing", async () => {
    const soaked = await briefly();
    expect(soaked.missed).toEqual([]);
    expect(soaked.accepted).toBeGreaterThan(100);
    expect(soaked.completed + soaked.dead).toBe(soaked.accepted);
    for (const kind of ["dead", "retried", "workflows", "ticks"] as const)
      expect([kind, soaked[kind] > 0]).toEqual([kind, true]);
    expect(Object.keys(soaked.trends)).toEqual(["rssMiB", "handles"]);
    expect(soaked.samples["rssMiB"]!.length).toBeGreaterThan(5);

    const folder = mkdtempSync(join(tmpdir(), "soak-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const files = publishSoak(folder, "2026-11-30", "Node v1", soaked);
    expect(files.map((file) => file.slice(folder.length + 1))).toEqual([
      "2026-11-30-soak-memory.json",
      "2026-11-30-soak-memory.md",
    ]);
    const { samples, ...data } = JSON.parse(readFileSync(files[0]!, "utf8")) as Soaked;
    expect(data).toMatchObject({
      date: "2026-11-30",
      machine: "Node v1",
      accepted: soaked.accepted,
      missed: [],
    });
    expect(Object.keys(samples)).toEqual(["rssMiB", "handles", "serverMiB"]);
    expect(readFileSync(files[1]!, "utf8")).toMatch(/Nothing was missed\.[\s\S]*\| rssMiB \| .* \| level \|/);
  });

  test("sees what grows on the server", async () => {
    let bytes = 0;
    const open = async () => ({
      queue: { name: "soak", backend: memoryBackend() },
      usedBytes: async () => (bytes += 10 * 2 ** 20),
    });
    const { missed } = await briefly({ open });
    expect(missed).toEqual([expect.stringMatching(/^serverMiB grew by [\d.]+, more than 16/)]);
  });

  test("sees jobs that the store drops", async () => {
    const open = async () => {
      const honest = memoryBackend();
      const queue: typeof honest.queue = (...given) => {
        const opened = honest.queue(...given);
        return overlaid(opened, {
          enqueueMany: async (jobs, options) => {
            const dropped = jobs.filter(({ id }) => id === "s-10");
            await opened.enqueueMany(
              jobs.filter((job) => !dropped.includes(job)),
              options,
            );
            return jobs.map(({ id }) => ({ ok: true, value: { id, outcome: "accepted" } }) as const);
          },
        });
      };
      return { queue: { name: "soak", backend: overlaid(honest, { queue }) } };
    };
    const { missed, unfinished } = await briefly({ open, drainsWithinMs: 1_000 });
    expect(unfinished).toBe(1);
    expect(missed[0]).toBe("1 jobs are not over");
  });

  test("ends when it is called off, with the reason", async () => {
    const off = new AbortController();
    const ending = briefly({
      durationMs: 60_000,
      signal: off.signal,
      onSample: () => off.abort(new Error("enough")),
    });
    await expect(ending).rejects.toMatchObject({ name: "AbortError", cause: { message: "enough" } });
  });
});
