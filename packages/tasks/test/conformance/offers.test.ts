import {
  judgeQueueCase,
  judgeStateCase,
  lyingQueueHarness,
  lyingStateHarness,
  type QueueCase,
  queueCases,
  type QueueHarness,
  type StateCase,
  stateCases,
} from "@lexigram/conformance";
import {
  FULL_CAPABILITIES,
  ok,
  QueueUnavailableError,
  type Receipt,
  type TransactionHandle,
} from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { memoryQueueHarness } from "./memory-queue-harness.ts";
import { memoryStateHarness } from "./memory-state-harness.ts";

const ofLaw = <C extends QueueCase | StateCase>(cases: readonly C[], law: string): readonly C[] =>
  cases.filter((c) => c.law === law);

const unavailable = (): Error =>
  new QueueUnavailableError({ queue: "q", retryable: true, accepted: "no", ids: [] });

/** A queue whose connection can be cut: so many calls then fail, with the error that is given. */
function severable(failures: number, error: () => Error): () => Promise<QueueHarness> {
  let left = 0;
  return lyingQueueHarness(
    {
      name: "can be cut off",
      breaks: [],
      lie: () => (honest) => ({
        exchange: async (request) => {
          if (left-- > 0) throw error();
          return honest.exchange(request);
        },
      }),
      harness: () => ({
        sever: async () => {
          left = failures;
        },
      }),
    },
    memoryQueueHarness,
  );
}

describe("cases of a cut connection", () => {
  const [queueCase] = ofLaw(queueCases, "Q-102") as [QueueCase];
  const [stateCase] = ofLaw(stateCases, "S-25") as [StateCase];

  test("pass a queue that says it is unavailable and comes back", async () => {
    expect(await judgeQueueCase(queueCase, severable(3, unavailable))).toMatchObject({ outcome: "passed" });
  });

  test("fail a queue that does not come back, or throws what nobody can classify", async () => {
    for (const harness of [severable(1_000, unavailable), severable(1, () => new Error("ECONNRESET"))])
      expect(await judgeQueueCase(queueCase, harness)).toMatchObject({ outcome: "failed" });
  });

  test("pass a state store that comes back, and fail one that does not", async () => {
    const cut = (failures: number): ReturnType<typeof lyingStateHarness> => {
      let left = 0;
      return lyingStateHarness(
        {
          name: "can be cut off",
          breaks: [],
          lie: () => (honest) => ({
            get: async (key) => {
              if (left-- > 0) throw unavailable();
              return honest.get(key);
            },
          }),
          harness: () => ({
            sever: async () => {
              left = failures;
            },
          }),
        },
        memoryStateHarness,
      );
    };
    expect(await judgeStateCase(stateCase, cut(3))).toMatchObject({ outcome: "passed" });
    expect(await judgeStateCase(stateCase, cut(1_000))).toMatchObject({ outcome: "failed" });
  });
});

/** Transactions as a toy: what is done in one is done when it commits. */
function transactional(isHonest: boolean): () => Promise<QueueHarness> {
  const work = new Map<TransactionHandle, (() => Promise<unknown>)[]>();
  return lyingQueueHarness(
    {
      name: isHonest ? "joins transactions" : "does at once what a transaction should do",
      breaks: [],
      lie: () => (honest) => {
        const held = async (receipt: Receipt): Promise<boolean> =>
          (await honest.extend([receipt], 60_000)).lost.length === 0;
        const later = async (handle: TransactionHandle, run: () => Promise<unknown>): Promise<void> => {
          if (isHonest) work.get(handle)?.push(run);
          else await run();
        };
        return {
          capabilities: { ...FULL_CAPABILITIES, transactions: true },
          enqueueMany: async (jobs, { transaction, ...name }) => {
            if (transaction === undefined) return honest.enqueueMany(jobs, name);
            await later(transaction, () => honest.enqueueMany(jobs, name));
            return jobs.map(({ id }) => ok({ id, outcome: "accepted" as const }));
          },
          settleIn: async (transaction, settlement) => {
            if (!(await held(settlement.receipt))) return "lost";
            const claim = { slots: 0, ahead: 0, leaseMs: 1, maxBytes: 1 };
            const session = `settling ${settlement.receipt}`;
            await later(transaction, () =>
              honest.exchange({ session, seq: 1, settle: [settlement], started: [], claim }),
            );
            return "settled";
          },
        };
      },
      harness: () => ({
        transaction: async () => {
          const handle: TransactionHandle = {};
          work.set(handle, []);
          return {
            handle,
            commit: async () => {
              for (const run of work.get(handle) ?? []) await run();
            },
            rollback: async () => void work.delete(handle),
          };
        },
      }),
    },
    memoryQueueHarness,
  );
}

describe("cases of transactions", () => {
  test("pass a queue that joins them", async () => {
    for (const c of ofLaw(queueCases, "Q-100"))
      expect(await judgeQueueCase(c, transactional(true))).toMatchObject({ outcome: "passed" });
  });

  test("fail a queue that does not wait for the commit", async () => {
    const reports = await Promise.all(
      ofLaw(queueCases, "Q-100").map((c) => judgeQueueCase(c, transactional(false))),
    );
    expect(reports.map((r) => r.outcome)).toContain("failed");
  });

  test("are skipped with a reason where the harness cannot begin one", async () => {
    const declares = lyingQueueHarness(
      {
        name: "declares transactions",
        breaks: [],
        lie: () => () => ({ capabilities: { ...FULL_CAPABILITIES, transactions: true } }),
      },
      memoryQueueHarness,
    );
    for (const c of ofLaw(queueCases, "Q-100"))
      expect(await judgeQueueCase(c, declares)).toMatchObject({
        outcome: "skipped",
        reason: "the harness offers no transaction",
      });
  });
});
