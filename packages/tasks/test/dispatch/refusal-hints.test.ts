import { DuplicateTaskError, err, ResultUnavailableError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { task } from "../../src/define/task.ts";
import { withHint } from "../../src/dispatch/refusal-hints.ts";
import { Producer, rejection } from "./producer.ts";

const ping = task({ name: "ping" }, () => 1);

describe("the hint of a refused enqueue", () => {
  test.each([
    ["an id", { id: "7" }, /another id.*idempotencyKey/, /onConflict|another key/],
    ["a unique key", { unique: { key: "7" } }, /another key.*onConflict: "existing"/, /another id/],
  ])("names what helps where %s is taken", async (_what, options, helps, helpsNot) => {
    const { dispatcher } = new Producer();
    await dispatcher.enqueue(ping, undefined, options);
    const thrown = (await rejection(dispatcher.enqueue(ping, undefined, options))) as DuplicateTaskError;
    const tried = await dispatcher.tryEnqueue(ping, undefined, options);
    const [, among] = await dispatcher.enqueueMany([{ task: ping }, { task: ping, options }]);
    for (const error of [thrown, ...[tried, among].map((result) => !result.ok && result.error)]) {
      expect(error).toMatchObject({ code: "LEX_ERR_TASK_DUPLICATE", hint: expect.stringMatching(helps) });
      expect((error as DuplicateTaskError).hint).not.toMatch(helpsNot);
    }
    expect(thrown.fields).toMatchObject({ queue: "main", existingId: expect.any(String) as unknown });
  });

  test("is the store's where it has one of its own", () => {
    const fields = { queue: "main", jobId: "7", existingId: "7" };
    const refusal = err(new DuplicateTaskError(fields, { hint: "a transaction holds it; try again later" }));
    expect(withHint(refusal)).toBe(refusal);
  });
});

describe("the hint of a result that is not there", () => {
  test("says that the queue holds no record, and what keeps one longer", async () => {
    const producer = new Producer();
    await producer.queue.setPolicy({ keepCompleted: 0 });
    const kept = await producer.dispatcher.enqueue(ping);
    await producer.complete(1);
    for (const handle of [kept, producer.dispatcher.handle("main", "nobody")]) {
      const error = (await rejection(handle.result())) as ResultUnavailableError;
      expect(error).toBeInstanceOf(ResultUnavailableError);
      expect(error.hint).toMatch(/queue "main" holds no record of this job.*resultTtl.*keepCompleted/);
    }
  });
});
