import {
  type Delivery,
  JOB_STATUSES,
  type JobId,
  type NewJob,
  ok,
  type Receipt,
  type Settlement,
} from "@lexigram/contracts";
import type { QueueLiar } from "./overriding.ts";
import { lyingAboutRules } from "./rule-liars.ts";

/** Lets every stored job pass through `change` on its way in. */
const changingJobs =
  (change: (job: NewJob) => NewJob): QueueLiar["lie"] =>
  () =>
  (honest) => ({
    enqueueMany: (jobs, options) => honest.enqueueMany(jobs.map(change), options),
  });

/** Lets every settlement pass through `change` on its way in. */
const changingSettlements =
  (change: (settlement: Settlement) => Settlement): QueueLiar["lie"] =>
  () =>
  (honest) => ({
    exchange: (request) => honest.exchange({ ...request, settle: request.settle.map(change) }),
  });

const without = <T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> => {
  const { [key]: _, ...rest } = value;
  return rest;
};

const upsideDown = <T extends { readonly priority: number }>(job: T): T => ({
  ...job,
  priority: 20 - job.priority,
});

/** Backends that are broken on purpose. A kit that does not turn red on each proves nothing. */
export const queueLiars: readonly QueueLiar[] = [
  {
    name: "finds no jobs in a status that there is none of",
    breaks: ["Q-104"],
    lie: () => (honest) => ({
      count: async (status) =>
        status === undefined || JOB_STATUSES.includes(status) ? honest.count(status) : 0,
    }),
  },
  {
    name: "has no fence",
    breaks: ["Q-12"],
    lie: () => {
      const jobOf = new Map<Receipt, JobId>();
      const latest = new Map<JobId, Receipt>();
      const current = (receipt: Receipt): Receipt => latest.get(jobOf.get(receipt) ?? "") ?? receipt;
      return (honest) => ({
        exchange: async (request) => {
          const settle = request.settle.map((s) => ({ ...s, receipt: current(s.receipt) }));
          const reply = await honest.exchange({ ...request, settle });
          for (const { job, receipt } of reply.deliveries) {
            jobOf.set(receipt, job.id);
            latest.set(job.id, receipt);
          }
          return reply;
        },
      });
    },
  },
  {
    name: "settles twice",
    breaks: ["Q-13"],
    lie: () => {
      const settled = new Set<Receipt>();
      return (honest) => ({
        exchange: async (request) => {
          const reply = await honest.exchange(request);
          const lost = reply.lost.filter((receipt) => !settled.has(receipt));
          for (const { receipt } of request.settle) if (!lost.includes(receipt)) settled.add(receipt);
          return { ...reply, lost };
        },
      });
    },
  },
  {
    name: "delivers a delayed job early",
    breaks: ["Q-08"],
    lie: () => (honest) => ({
      enqueueMany: (jobs, options) =>
        honest.enqueueMany(
          jobs.map((job) => (job.delayMs === undefined ? job : { ...job, delayMs: job.delayMs / 2 })),
          options,
        ),
      getJob: async (id) => {
        const view = await honest.getJob(id);
        if (view?.runAt === undefined || view.status !== "scheduled") return view;
        return { ...view, runAt: view.createdAt + (view.runAt - view.createdAt) * 2 };
      },
    }),
  },
  {
    name: "waits past maxMs",
    breaks: ["Q-35"],
    lie: () => (honest) => ({ waitForWork: (maxMs, signal) => honest.waitForWork(maxMs * 2, signal) }),
  },
  {
    name: "swaps priorities",
    breaks: ["Q-06"],
    lie: () => (honest) => ({
      enqueueMany: (jobs, options) => honest.enqueueMany(jobs.map(upsideDown), options),
      exchange: async (request) => {
        const reply = await honest.exchange(request);
        return { ...reply, deliveries: reply.deliveries.map((d) => ({ ...d, job: upsideDown(d.job) })) };
      },
    }),
  },
  {
    name: "delivers last in, first out",
    breaks: ["Q-07"],
    lie: () => (honest) => ({
      exchange: async (request) => {
        const reply = await honest.exchange(request);
        return request.claim.ahead > 0 ? reply : { ...reply, deliveries: reply.deliveries.toReversed() };
      },
    }),
  },
  {
    name: "forgets on reopen",
    breaks: ["Q-101"],
    lie: () => () => ({}),
    harness: (honest) => ({ reopen: () => honest.open() }),
  },
  {
    name: "accepts a duplicate",
    breaks: ["Q-03"],
    lie: () => (honest) => ({
      enqueueMany: async (jobs, options) => {
        const results = await honest.enqueueMany(jobs, options);
        return results.map((result) =>
          !result.ok && result.error.code === "LEX_ERR_TASK_DUPLICATE" && !("key" in result.error.fields)
            ? ok({
                id: (result.error.fields as { readonly jobId: JobId }).jobId,
                outcome: "accepted" as const,
              })
            : result,
        );
      },
    }),
  },
  {
    name: "ignores the delay of a retry",
    breaks: ["Q-30"],
    lie: changingSettlements((s) => (s.kind === "retry" ? { ...s, delayMs: 0 } : s)),
  },
  {
    name: "burns an attempt with a deferral",
    breaks: ["Q-20"],
    lie: changingSettlements((s) => (s.kind === "retry" ? { ...s, countAttempt: true } : s)),
  },
  {
    name: "loses results",
    breaks: ["Q-29"],
    lie: changingSettlements((s) => (s.kind === "complete" ? without(s, "result") : s)),
  },
  {
    name: "forgets why a job failed",
    breaks: ["Q-31"],
    lie: changingSettlements((s) => (s.kind === "fail" ? { ...s, reason: "failed" } : s)),
  },
  {
    name: "ignores pause",
    breaks: ["Q-38"],
    lie: () => (honest) => ({
      exchange: async (request) => {
        if (!(await honest.isPaused())) return honest.exchange(request);
        await honest.resume();
        const reply = await honest.exchange(request);
        await honest.pause();
        return { ...reply, paused: true };
      },
    }),
  },
  {
    name: "counts a barrier twice",
    breaks: ["Q-73"],
    lie: changingJobs((job) =>
      job.barrier === undefined ? job : { ...job, barrier: { size: Math.ceil(job.barrier.size / 2) } },
    ),
  },
  {
    name: "allows a recovery too many",
    breaks: ["Q-27"],
    lie: changingJobs((job) =>
      job.maxRecoveries === undefined || job.maxRecoveries === 0
        ? job
        : { ...job, maxRecoveries: job.maxRecoveries + 1 },
    ),
  },
  {
    name: "applies a resent exchange again",
    breaks: ["Q-16", "Q-17", "Q-101"],
    because:
      "a call that is applied again is answered with what it finds now, not with the recorded deliveries that are still held (Q-17), before a reopening or after it (Q-101)",
    lie: () => {
      const calls = new Map<string, number>();
      return (honest) => ({
        exchange: (request) => {
          const seq = (calls.get(request.session) ?? 0) + 1;
          calls.set(request.session, seq);
          return honest.exchange({ ...request, seq });
        },
      });
    },
  },
  {
    name: "stores a resent enqueue again",
    breaks: ["Q-18"],
    lie: () => {
      const calls = new Map<string, number>();
      return (honest) => ({
        enqueueMany: (jobs, options) => {
          const seq = (calls.get(options.session) ?? 0) + 1;
          calls.set(options.session, seq);
          return honest.enqueueMany(jobs, { ...options, seq });
        },
      });
    },
  },
  {
    name: "hands out again what was settled",
    breaks: ["Q-17"],
    lie: () => {
      const answers = new Map<string, { readonly seq: number; readonly deliveries: readonly Delivery[] }>();
      return (honest) => ({
        exchange: async (request) => {
          const reply = await honest.exchange(request);
          const before = answers.get(request.session);
          if (before?.seq === request.seq) return { ...reply, deliveries: before.deliveries };
          answers.set(request.session, { seq: request.seq, deliveries: reply.deliveries });
          return reply;
        },
      });
    },
  },
  {
    name: "takes what is claimed ahead for started",
    breaks: ["Q-22", "Q-23", "Q-24", "Q-25", "Q-66"],
    because:
      "a delivery that counts as started too early must burn a recovery when its lease ends (Q-22, Q-23), say so in the delivery (Q-24), hand out a recovered job that must not be claimed ahead (Q-25) and let go of a key that is held until the start (Q-66)",
    lie: () => (honest) => ({
      exchange: (request) => {
        const { slots, ahead } = request.claim;
        return honest.exchange({ ...request, claim: { ...request.claim, slots: slots + ahead, ahead: 0 } });
      },
    }),
  },
  {
    name: "extends leases by half",
    breaks: ["Q-15"],
    lie: () => (honest) => ({ extend: (receipts, leaseMs) => honest.extend(receipts, leaseMs / 2) }),
  },
  {
    name: "answers refusals last, whatever their position",
    breaks: ["Q-02"],
    lie: () => (honest) => ({
      enqueueMany: async (jobs, options) => {
        const results = await honest.enqueueMany(jobs, options);
        return [...results.filter((r) => r.ok), ...results.filter((r) => !r.ok)];
      },
    }),
  },
  {
    name: "tells too late when work is due",
    breaks: ["Q-34"],
    lie: () => (honest) => ({
      exchange: async (request) => {
        const reply = await honest.exchange(request);
        return reply.nextDueInMs === undefined ? reply : { ...reply, nextDueInMs: reply.nextDueInMs * 1.5 };
      },
    }),
  },
  {
    name: "tells idle workers that there is work at once",
    breaks: ["Q-34"],
    lie: () => (honest) => ({
      exchange: async (request) => {
        const reply = await honest.exchange(request);
        return { ...reply, nextDueInMs: reply.nextDueInMs ?? 0 };
      },
    }),
  },
  {
    name: "tells of a cancellation once",
    breaks: ["Q-41"],
    lie: () => {
      const told = new Set<Receipt>();
      return (honest) => ({
        exchange: async (request) => {
          const reply = await honest.exchange(request);
          const cancelled = reply.cancelled.filter((r) => !told.has(r));
          for (const receipt of cancelled) told.add(receipt);
          return { ...reply, cancelled };
        },
      });
    },
  },
  {
    name: "repeats the last job of a page",
    breaks: ["Q-47"],
    lie: () => {
      const last = new Map<
        string,
        Awaited<ReturnType<Parameters<ReturnType<QueueLiar["lie"]>>[0]["list"]>>["items"]
      >();
      return (honest) => ({
        list: async (query) => {
          const page = await honest.list(query);
          const again = query.cursor === undefined ? [] : (last.get(query.cursor) ?? []);
          if (page.cursor !== undefined) last.set(page.cursor, page.items.slice(-1));
          return { ...page, items: [...again, ...page.items] };
        },
      });
    },
  },
  {
    name: "lets go of a unique key at the start",
    breaks: ["Q-67"],
    lie: changingJobs((job) =>
      job.unique?.until === "settled" && job.unique.onConflict === "reject"
        ? { ...job, unique: { ...job.unique, until: "started" } }
        : job,
    ),
  },
  {
    name: "answers after close",
    breaks: ["Q-96"],
    lie: () => () => ({ close: async () => {} }),
  },
  {
    name: "tells unknown of a finished job",
    breaks: ["Q-43"],
    lie: () => (honest) => ({
      cancel: async (id) => {
        const outcome = await honest.cancel(id);
        return outcome === "finished" ? "unknown" : outcome;
      },
    }),
  },
  ...lyingAboutRules,
];
