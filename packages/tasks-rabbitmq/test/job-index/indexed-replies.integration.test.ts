import { aJob } from "@lexigram/conformance";
import {
  type JobOutcome,
  type NewJob,
  ResultUnavailableError,
  type StateStoreProtocol,
  systemClock,
} from "@lexigram/contracts";
import { MemoryStateStore } from "@lexigram/tasks";
import { describe, expect, onTestFinished, test } from "vitest";
import { type WorkedQueue, workedQueue } from "../queue/worked-queue.ts";

const HOUR_MS = 3_600_000;
const error = { name: "Error", message: "broken" };
const result = { data: '"done"', encoding: "json" };

function stateOfTest(): StateStoreProtocol {
  const state = new MemoryStateStore({ clock: systemClock });
  onTestFinished(() => state.close());
  return state;
}

/** A store whose next answer to a write of this state is lost, when it has been written. */
function forgetfulState(written: string) {
  const state = stateOfTest();
  let loses = false;
  const forgetful: StateStoreProtocol = new Proxy(state, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return async (...given: unknown[]) => {
        const answer: unknown = await Reflect.apply(value, target, given);
        if (!loses || name !== "put" || (given[1] as { state?: string }).state !== written) return answer;
        loses = false;
        throw new Error("the answer was lost");
      };
    },
  });
  return { state: forgetful, loseNext: () => void (loses = true) };
}

async function askingQueue(state: StateStoreProtocol = stateOfTest()) {
  const worked = await workedQueue({ state, replyWithinMs: HOUR_MS });
  const { queue } = worked;
  const replies = queue.replies!;
  let seq = 0;
  return {
    ...worked,
    /** Enqueues a job and asks for its outcome. */
    ask: async (given: Partial<NewJob> = {}): Promise<string> => {
      const call = { session: "asking", seq: ++seq, replies: true };
      const [answer] = await queue.enqueueMany([aJob(given)], call);
      if (answer?.ok !== true) throw answer?.error ?? new Error("no answer");
      return answer.value.id;
    },
    /** Waits for the outcome. */
    told: async (id: string): Promise<JobOutcome | ResultUnavailableError> => {
      const heard = replies.onReply([id], AbortSignal.timeout(30_000))[Symbol.asyncIterator]();
      for (;;) {
        const [told] = await replies.read([id]);
        if (told !== undefined) return told;
        if ((await heard.next()).done === true) throw new Error(`nothing was told of "${id}"`);
      }
    },
    /** What was told so far. */
    read: async (id: string) => (await replies.read([id]))[0],
  };
}

/** Takes what comes and keeps it, until there is nothing more to take. */
async function takenBy({ claim, queue }: Pick<WorkedQueue, "claim" | "queue">): Promise<readonly string[]> {
  const ids: string[] = [];
  while ((await queue.getTaskCount()) > 0) {
    const deliveries = await claim(10);
    ids.push(...deliveries.map(({ job }) => job.id));
  }
  return ids;
}

describe("outcomes of jobs of an indexed queue", { timeout: 60_000 }, () => {
  test("come back with their result, and as failures", async () => {
    const { ask, told, come, settle } = await askingQueue();
    const id = await ask();
    const [first] = await come();
    await settle({ receipt: first!.receipt, kind: "complete", result });
    expect(await told(id)).toEqual({ id, status: "completed", attempt: 1, result });
    const other = await ask();
    const [second] = await come();
    await settle({ receipt: second!.receipt, kind: "fail", error });
    expect(await told(other)).toEqual({ id: other, status: "failed", attempt: 1, error });
  });

  test("tell of a running job that was asked to stop that it is cancelled, whatever its attempt gave", async () => {
    const { queue, ask, told, come, settle } = await askingQueue();
    for (const kind of ["fail", "retry"] as const) {
      const id = await ask();
      const [delivery] = await come();
      const { receipt } = delivery!;
      expect(await queue.cancel(id)).toBe("requested");
      expect(await queue.getJob(id)).toMatchObject({ status: "running" });
      const more = kind === "fail" ? { kind } : { kind, delayMs: 0, countAttempt: true };
      await settle({ receipt, error, ...more });
      expect(await told(id)).toEqual({ id, status: "cancelled", attempt: 1, error });
    }
  });

  test("tell the result of a completion that is reported again, and no cancellation", async () => {
    const { state, loseNext } = forgetfulState("completed");
    const { session, ask, told, read, come } = await askingQueue(state);
    const id = await ask();
    const [delivery] = await come();
    loseNext();
    const settle = [{ receipt: delivery!.receipt, kind: "complete", result } as const];
    await expect(session.exchange({ settle })).rejects.toThrow("lost");
    expect(await read(id)).toBeUndefined();
    expect((await session.resendExchange()).lost).toEqual([]);
    expect(await told(id)).toEqual({ id, status: "completed", attempt: 1, result });
  });

  test("tell of a job that is cancelled elsewhere when its message is dropped, and here at once", async () => {
    const { queue, peer, ask, told, read, claim } = await askingQueue();
    const elsewhere = await ask();
    expect(await peer().cancel(elsewhere)).toBe("cancelled");
    expect(await read(elsewhere)).toBeUndefined();
    expect(await takenBy({ queue, claim })).toEqual([]);
    expect(await told(elsewhere)).toEqual({ id: elsewhere, status: "cancelled", attempt: 0 });
    const here = await ask({ delayMs: HOUR_MS });
    expect(await queue.cancel(here)).toBe("cancelled");
    expect(await read(here)).toEqual({ id: here, status: "cancelled", attempt: 0 });
  });

  test("are given up at once for a job that is deleted here", async () => {
    const { queue, ask, read } = await askingQueue();
    const id = await ask({ delayMs: HOUR_MS });
    expect(await queue.deleteJob(id)).toBe(true);
    expect(await read(id)).toBeInstanceOf(ResultUnavailableError);
  });

  test("tell of a job that lost too many workers that it failed", async () => {
    const { queue, ask, told, come } = await askingQueue();
    const id = await ask({ maxRecoveries: 0 });
    const [delivery] = await come();
    expect(delivery).toMatchObject({ recoveries: 0, attempt: 1 });
    expect((await queue.extend([delivery!.receipt], 1)).lost).toEqual([]);
    expect(await told(id)).toMatchObject({ id, status: "failed", error: { name: "PoisonJobError" } });
    expect(await queue.getJob(id)).toMatchObject({ status: "failed", reason: "poison" });
  });

  test("are asked for by no dead letter that runs again", async () => {
    const { queue, names, server, ask, told, come, settle } = await askingQueue();
    const id = await ask();
    const [delivery] = await come();
    await settle({ receipt: delivery!.receipt, kind: "fail", error });
    expect(await told(id)).toMatchObject({ status: "failed" });
    expect((await queue.deadLetters.retry(id)).ok).toBe(true);
    expect(await queue.getJob(id)).toMatchObject({ status: "pending", redrives: 1 });
    const message = await (await server.admin()).get(names.band("normal"), { noAck: true });
    expect(message).toMatchObject({ properties: { messageId: id, replyTo: undefined } });
  });
});
