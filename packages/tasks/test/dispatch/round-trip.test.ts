import type { TaskValidationError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { task, type } from "../../src/define/task.ts";
import { Producer, rejection } from "./producer.ts";

const anything = task({ name: "anything", input: type<unknown>() }, () => 1);

class Money {
  readonly cents: number;
  constructor(cents: number) {
    this.cents = cents;
  }
}

const checked = (): Producer => new Producer({ checkRoundTrip: true });

describe("the check of what storing changes", () => {
  test.each<[string, string, unknown]>([
    ["a Date", "at", { at: new Date(0) }],
    ["an undefined in an array", "list.1", { list: [1, undefined] }],
    ["an instance of a class", "items.0.price", { items: [{ price: new Money(5) }] }],
    ["a Buffer", "data", { data: Buffer.from("a") }],
    ["the input itself", "", new Date(0)],
  ])("refuses %s and names where it is", async (_, path, input) => {
    const { dispatcher, queue } = checked();
    const error = (await rejection(dispatcher.enqueue(anything, input))) as TaskValidationError;
    expect(error.code).toBe("LEX_ERR_TASK_VALIDATION");
    expect(error.fields.issues).toEqual([
      { path, message: expect.stringMatching(/^storing changes it from/) },
    ]);
    expect(await queue.count()).toBe(0);
  });

  test("says what it becomes", async () => {
    const error = await rejection(checked().dispatcher.enqueue(anything, { at: new Date(0) }));
    expect(error).toMatchObject({
      message: 'the input of task "anything" is invalid: at: storing changes it from a Date to a text',
    });
  });

  test("refuses a schema that takes a Date and could not take its text", async () => {
    const strict = task({ name: "strict", input: z.object({ at: z.date() }) }, () => 1);
    const error = await rejection(checked().dispatcher.enqueue(strict, { at: new Date(0) }));
    expect(error).toMatchObject({
      fields: { issues: [{ path: "at" }] },
      cause: { code: "LEX_ERR_TASK_VALIDATION" },
    });
  });

  test("accepts a change that the schema undoes", async () => {
    const coerced = task({ name: "coerced", input: z.object({ at: z.coerce.date() }) }, () => 1);
    const { dispatcher, queue } = checked();
    await dispatcher.enqueue(coerced, { at: new Date(0) });
    await dispatcher.enqueue(coerced, { at: "2026-01-01" });
    expect(await queue.count()).toBe(2);
  });

  test("accepts plain data, absent fields, and schemas that never say the same twice", async () => {
    let n = 0;
    const stamped = task(
      { name: "stamped", input: z.object({ id: z.string().default(() => `${n++}`) }) },
      () => 1,
    );
    const { dispatcher, queue } = checked();
    await dispatcher.enqueue(stamped, {});
    await dispatcher.enqueue(anything, { a: undefined, b: [{ c: null }], d: "", e: 0 });
    expect(await queue.count()).toBe(2);
  });

  test("is not made unless it is asked for", async () => {
    const { dispatcher, queue } = new Producer();
    await dispatcher.enqueue(anything, { at: new Date(0) });
    expect(await queue.count()).toBe(1);
  });
});

describe("input that no text can hold", () => {
  const circle: Record<string, unknown> = { a: { b: 1 } };
  (circle["a"] as Record<string, unknown>)["back"] = circle;

  test.each<[string, unknown, string]>([
    ["call", { call: () => 1 }, "a function is no data"],
    ["list.0", { list: [Symbol("s")] }, "a symbol is no data"],
    ["big", { big: 1n }, "JSON cannot hold a bigint; pass it as text"],
    ["n", { n: Number.NaN }, "JSON cannot hold NaN"],
    ["n", { n: Infinity }, "JSON cannot hold Infinity"],
    ["a.back", circle, "it contains itself"],
    ["map", { map: new Map([[1, 2]]) }, "JSON cannot hold a Map; pass its contents as plain data"],
    ["bytes", { bytes: new Uint8Array(2) }, "JSON cannot hold a Uint8Array; pass its contents as plain data"],
    ["at", { at: new Date(Number.NaN) }, "an invalid Date is no data"],
    ["", () => 1, "a function is no data"],
  ])("is always refused, at %j", async (path, input, message) => {
    const { dispatcher, queue } = new Producer();
    const error = (await rejection(dispatcher.enqueue(anything, input))) as TaskValidationError;
    expect(error.fields).toEqual({ subject: 'the input of task "anything"', issues: [{ path, message }] });
    expect(await queue.count()).toBe(0);
  });

  test("is refused when it is too large", async () => {
    const { dispatcher } = new Producer();
    const error = await rejection(dispatcher.enqueue(anything, "x".repeat(1_048_577)));
    expect(error).toMatchObject({
      message: expect.stringMatching(/it takes \d+ bytes, and 1048576 are allowed/),
      hint: expect.stringContaining("maxPayloadBytes"),
    });
  });
});
