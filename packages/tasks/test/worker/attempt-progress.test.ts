import { describe, expect, test } from "vitest";
import { InMemoryProgressStore } from "../../src/progress/in-memory-progress-store.ts";
import { SharedProgressTracker } from "../../src/progress/shared-progress-tracker.ts";
import type { ProgressReporter } from "../../src/worker/task-context.ts";
import { Gate, turn, Workshop } from "./workshop.ts";

class ProgressShop extends Workshop {
  readonly store = new InMemoryProgressStore({ clock: this.clock });
  readonly progress = new SharedProgressTracker(this.store, { clock: this.clock });

  open(settings: NonNullable<Parameters<Workshop["pool"]>[0]>["settings"] = {}): Promise<unknown> {
    return this.start({ settings, services: { progress: this.progress } });
  }

  async told(id: string): Promise<unknown> {
    const snapshot = await this.progress.get(id);
    return snapshot && [snapshot.status, snapshot.current, snapshot.total];
  }
}

describe("the progress of an attempt", () => {
  test("starts from nothing after a redrive", async () => {
    const shop = new ProgressShop();
    const gate = new Gate();
    let run = 0;
    shop.define(
      "import",
      async (_input, { progress }) => {
        await progress.update(++run === 1 ? 7 : 1, 9);
        if (run === 1) throw new Error("no luck");
        await gate.promise;
      },
      { maxRetries: 0 },
    );
    const id = await shop.enqueue("import");
    await shop.open();
    expect(await shop.told(id)).toEqual(["failed", 7, 9]);
    const { startedAt } = (await shop.progress.get(id)) ?? {};
    await shop.advance(5_000);
    await shop.queue.deadLetters.retry(id);
    await shop.advance(5_000);
    expect(await shop.told(id)).toEqual(["running", 1, 9]);
    expect((await shop.progress.get(id))?.startedAt).toBeGreaterThanOrEqual((startedAt ?? 0) + 5_000);
    gate.open();
    await shop.settle();
    expect(await shop.told(id)).toEqual(["complete", 9, 9]);
    expect(shop.progress.openJobs).toBe(0);
  });

  test("takes no report of a handler that ran out of time", async () => {
    const shop = new ProgressShop();
    const gates = [new Gate(), new Gate()];
    const reporters: ProgressReporter[] = [];
    shop.define(
      "slow",
      async (_input, { progress }) => {
        reporters.push(progress);
        await progress.update(reporters.length, 10);
        await gates[reporters.length - 1]?.promise;
      },
      { timeout: "1s", retry: { baseDelay: "1s", jitter: false } },
    );
    const id = await shop.enqueue("slow");
    await shop.open({ graceMs: 1_000 });
    await shop.advance(2_100);
    await reporters[0]?.update(8, 10);
    expect(await shop.told(id)).toEqual(["running", 1, 10]);
    await shop.advance(1_200);
    expect(reporters).toHaveLength(2);
    await reporters[0]?.update(9, 10);
    await turn();
    expect(await shop.told(id)).toEqual(["running", 2, 10]);
    for (const gate of gates) gate.open();
    await shop.settle();
    await reporters[1]?.update(5, 10);
    await turn();
    expect(await shop.told(id)).toEqual(["complete", 10, 10]);
    expect(shop.progress.openJobs).toBe(0);
  });

  test("ends with the job when its last run inside the slot reports nothing", async () => {
    const shop = new ProgressShop();
    const reporters: ProgressReporter[] = [];
    shop.define(
      "flaky",
      async (_input, context) => {
        if (context.attempt > 1) return;
        reporters.push(context.progress);
        await context.progress.update(3, 5);
        throw new Error("again");
      },
      { retry: { baseDelay: 100, jitter: false, inPlaceUpTo: "1s" } },
    );
    const id = await shop.enqueue("flaky");
    await shop.open();
    await shop.advance(200);
    await reporters[0]?.update(4, 5);
    expect(await shop.told(id)).toEqual(["complete", 0, 0]);
    expect(shop.progress.openJobs).toBe(0);
  });

  test("is not written for a handler that looks at it and reports nothing", async () => {
    const shop = new ProgressShop();
    shop.define("looks", (_input, { progress }) => void progress);
    const id = await shop.enqueue("looks");
    await shop.open();
    expect((await shop.job(id)).status).toBe("completed");
    expect(await shop.told(id)).toBeUndefined();
  });

  test("never fails the job when it cannot be written, and is refused when it is no progress", async () => {
    const shop = new ProgressShop();
    const refused: unknown[] = [];
    shop.define("t", async (_input, { progress }) => {
      await progress.update(-1).catch((error: unknown) => refused.push(error));
      shop.store.save = async () => {
        throw new Error("the store is away");
      };
      await progress.update(1, 2);
    });
    const id = await shop.enqueue("t");
    await shop.open();
    expect((await shop.job(id)).status).toBe("completed");
    expect(refused).toEqual([expect.objectContaining({ code: "LEX_ERR_TASK_VALIDATION" })]);
  });

  test("keeps from a failure's text what the settings hide", async () => {
    const shop = new ProgressShop();
    shop.define(
      "secret",
      async (_input, { progress }) => {
        await progress.update(1);
        throw new Error("card 4111");
      },
      { maxRetries: 0 },
    );
    const id = await shop.enqueue("secret");
    await shop.open({ errors: { redact: (text) => text.replaceAll("4111", "…") } });
    expect((await shop.progress.get(id))?.error).toBe("card …");
  });
});
