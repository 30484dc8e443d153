import type { StandardSchemaV1 } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { task, type } from "../../src/define/task.ts";
import { takesNothing } from "../../src/define/void-schema.ts";
import { createTestApp } from "../../src/testing.ts";

const described = (vendor: string, more: object): StandardSchemaV1<void, void> => ({
  "~standard": { version: 1, vendor, validate: () => ({ value: undefined }) },
  ...more,
});

class Reports {
  @task({ name: "reports.weekly", input: z.void() })
  async weekly(...args: unknown[]): Promise<number> {
    return args.length;
  }
}

describe("a schema of nothing", () => {
  test("counts as none: the handler gets the context alone, wherever it is called", async () => {
    const tick = task({ name: "tick", input: z.void() }, (ctx, ...more: unknown[]) => [
      ctx.job.task,
      more.length,
    ]);
    const expected = ["tick", 0];
    expect(await tick()).toEqual(expected);
    expect(await tick.apply()).toEqual(expected);
    await using t = await createTestApp({ tasks: [tick, Reports] });
    const handles = [await t.tasks.enqueue(tick), await tick.delay()];
    const weekly = await t.tasks.enqueue("reports.weekly");
    await t.drain();
    for (const handle of handles) expect(await handle.result()).toEqual(expected);
    expect(await weekly.result()).toBe(1);
  });

  test("still refuses an input", async () => {
    const tick = task({ name: "tick", input: z.void() }, () => 1);
    await using t = await createTestApp({ tasks: [tick] });
    await expect(t.tasks.enqueue(tick, 5 as never)).rejects.toMatchObject({
      code: "LEX_ERR_TASK_VALIDATION",
    });
  });

  test("is known by how its validator describes itself, and nothing else is taken for one", () => {
    for (const schema of [
      z.void(),
      z.undefined(),
      described("zod", { _def: { typeName: "ZodVoid" } }),
      described("valibot", { type: "void" }),
      described("arktype", { expression: "undefined" }),
    ])
      expect(takesNothing(schema)).toBe(true);
    for (const schema of [
      z.object({}),
      z.any(),
      z.string().optional(),
      type<{ a: 1 }>(),
      described("other", { type: "void" }),
      described("valibot", { type: "object" }),
      described("arktype", { expression: "string" }),
    ])
      expect(takesNothing(schema)).toBe(false);
  });
});
