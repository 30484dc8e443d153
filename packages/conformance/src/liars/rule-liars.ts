import type { QueuePolicy } from "@lexigram/contracts";
import type { QueueLiar } from "./overriding.ts";

/** Stores other rules than it was given, and shows those it was given. */
const changingRules =
  (change: (policy: QueuePolicy) => QueuePolicy): QueueLiar["lie"] =>
  () => {
    const given = new Map<string, QueuePolicy>();
    return (honest) => ({
      setPolicy: async (policy) => {
        await honest.setPolicy(change(policy));
        given.set(honest.name, policy);
      },
      getPolicy: async () => given.get(honest.name) ?? honest.getPolicy(),
    });
  };

/** Liars about the rules of a queue. */
export const lyingAboutRules: readonly QueueLiar[] = [
  {
    name: "has a limit off by one",
    breaks: ["Q-77"],
    lie: changingRules((policy) =>
      policy.concurrency === undefined || policy.perTask !== undefined || policy.perKey !== undefined
        ? policy
        : { ...policy, concurrency: policy.concurrency + 1 },
    ),
  },
  {
    name: "has a limit of keys off by one",
    breaks: ["Q-79"],
    lie: changingRules(({ perKey, ...policy }) =>
      perKey?.concurrency === undefined || Object.keys(policy).length > 0
        ? { ...policy, ...(perKey === undefined ? {} : { perKey }) }
        : { ...policy, perKey: { ...perKey, concurrency: perKey.concurrency + 1 } },
    ),
  },
  {
    name: "takes a job more than it holds",
    breaks: ["Q-04"],
    lie: () => {
      const lie = changingRules((policy) =>
        policy.maxSize === undefined ? policy : { ...policy, maxSize: policy.maxSize + 1 },
      )();
      return (honest) => ({
        ...lie(honest),
        stats: async () => {
          const stats = await honest.stats();
          return stats.capacity === undefined ? stats : { ...stats, capacity: stats.capacity - 1 };
        },
      });
    },
  },
  {
    name: "has a burst off by one",
    breaks: ["Q-80"],
    lie: changingRules(({ rate, ...policy }) =>
      rate === undefined || rate.burst === 1
        ? { ...policy, ...(rate === undefined ? {} : { rate }) }
        : { ...policy, rate: { ...rate, burst: rate.burst + 1 } },
    ),
  },
  {
    name: "keeps a record too many",
    breaks: ["Q-57"],
    lie: changingRules(({ keepCompleted, ...policy }) =>
      typeof keepCompleted !== "object" || keepCompleted.count !== 3
        ? { ...policy, ...(keepCompleted === undefined ? {} : { keepCompleted }) }
        : { ...policy, keepCompleted: { ...keepCompleted, count: 4 } },
    ),
  },
  {
    name: "lets a key go on after a failure that should hold it",
    breaks: ["Q-83"],
    lie: changingRules(({ perKey, ...policy }) =>
      perKey === undefined ? policy : { ...policy, perKey: { ...perKey, onFailure: "continue" } },
    ),
  },
  {
    name: "is not fair",
    breaks: ["Q-86"],
    lie: changingRules(({ perKey, ...policy }) =>
      perKey === undefined ? policy : { ...policy, perKey: { ...perKey, fair: false } },
    ),
  },
];
