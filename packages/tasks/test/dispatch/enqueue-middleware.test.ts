import { QueueFullError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { task } from "../../src/define/task.ts";
import type { TaskMiddlewareFunction } from "../../src/middleware/middleware.ts";
import { TaskMiddlewarePipeline } from "../../src/middleware/pipeline.ts";
import { Producer, rejection } from "./producer.ts";

const add = task({ name: "add", input: z.object({ n: z.number() }) }, ({ n }) => n);

function producerWith(...layers: TaskMiddlewareFunction[]): Producer {
  const pipeline = new TaskMiddlewarePipeline();
  for (const layer of layers) pipeline.use(layer, ["enqueue"]);
  return new Producer({ pipeline });
}

describe("middleware of the enqueue phase", () => {
  test("wraps each enqueue, the first outermost, and sees what the caller passed", async () => {
    const seen: unknown[] = [];
    const layer =
      (name: string): TaskMiddlewareFunction =>
      async (context, next) => {
        const { phase, taskName, queueName, input, attempt, newJob } = context;
        seen.push(name, { phase, taskName, queueName, input, attempt, same: newJob?.id === context.jobId });
        const result = await next();
        seen.push(`${name} ended`);
        return result;
      };
    const { dispatcher } = producerWith(layer("outer"), layer("inner"));
    await dispatcher.enqueue(add, { n: 1 });
    const facts = {
      phase: "enqueue",
      taskName: "add",
      queueName: "main",
      input: { n: 1 },
      attempt: 0,
      same: true,
    };
    expect(seen).toEqual(["outer", facts, "inner", facts, "inner ended", "outer ended"]);
  });

  test("may add headers", async () => {
    const producer = producerWith((context, next) => {
      context.headers["tenant"] = "x";
      return next();
    });
    const handle = await producer.dispatcher.enqueue(add, { n: 1 }, { headers: { own: "y" } });
    expect((await handle.job())?.headers).toEqual({ own: "y", tenant: "x" });
    const plain = await producer.dispatcher.enqueue(add, { n: 1 });
    expect((await plain.job())?.headers).toEqual({ tenant: "x" });
  });

  test("may refuse a job", async () => {
    const refusal = new QueueFullError({ queue: "main", capacity: 1 });
    const { dispatcher, queue } = producerWith(() => Promise.reject(refusal));
    expect(await rejection(dispatcher.enqueue(add, { n: 1 }))).toBe(refusal);
    expect(await dispatcher.tryEnqueue(add, { n: 1 })).toEqual({ ok: false, error: refusal });
    expect(await queue.count()).toBe(0);
  });

  test("that lets nothing through is found out", async () => {
    const { dispatcher } = producerWith(async () => undefined);
    expect(await rejection(dispatcher.enqueue(add, { n: 1 }))).toMatchObject({
      code: "LEX_ERR_TASK_VALIDATION",
      hint: "a middleware of the enqueue phase calls next(), or throws to refuse a job",
    });
  });

  test("that is added later is met by later jobs", async () => {
    const pipeline = new TaskMiddlewarePipeline();
    const { dispatcher } = new Producer({ pipeline });
    await dispatcher.enqueue(add, { n: 1 });
    let met = 0;
    pipeline.use(
      (_, next) => {
        met++;
        return next();
      },
      ["enqueue"],
    );
    await dispatcher.enqueue(add, { n: 1 });
    expect(met).toBe(1);
  });
});
