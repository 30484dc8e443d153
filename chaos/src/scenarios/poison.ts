import type { Facts, Scenario } from "../scenario.ts";
import { type PoisonKind, POISON_REPEATS } from "../processes/chaos-app.ts";
import type { NamedBackendOptions } from "@lexigram/tasks";
import type { Poisoning } from "../accounts/books.ts";
import type { Fault } from "../accounts/figures.ts";
import { now } from "../moment.ts";
import type { Cleanup } from "../run/cleanup.ts";
import { RESUME_MS } from "./servers.ts";

/** Each run of a poison job costs one. */
const LEASE_MS = 2_000;
/** Of a worker process; one of its jobs wants more. */
const HEAP_MB = 96;

/** How long a poison job may take to be put aside, in milliseconds: three runs, and as many leases. */
const ASIDE_WITHIN_MS = 30_000;

/**
 * How often a poison job runs at most: the first time, once for each repeat, and where it ends its worker once more, as a
 * first run that was claimed ahead is not counted.
 */
const mostRuns = (kind: PoisonKind): number => 1 + POISON_REPEATS + (isDeadly(kind) ? 1 : 0);

const isDeadly = (kind: PoisonKind): boolean => kind !== "throw" && kind !== "result";

/** The queue of a run, and the backends that it needs beside its own. */
export interface PoisonedQueue {
  readonly queue: NamedBackendOptions;
  readonly beside?: readonly NamedBackendOptions[];
}

/**
 * Jobs that end their worker or cannot say how they failed, beside ordinary ones.
 *
 * @param kinds in turn; not `loop` where nobody beside the loop can end a process.
 */
export function poison(
  open: (cleanup: Cleanup) => Promise<PoisonedQueue>,
  kinds: readonly PoisonKind[],
): Scenario {
  return {
    name: "poison",
    title: "jobs that end their worker, or end in what cannot be written down, under load",
    worker: {
      lease: LEASE_MS,
      grace: "200ms",
      ...(kinds.includes("loop") ? { onBlocked: "exit" } : {}),
    },
    stalls: true,
    poison: { heapMb: HEAP_MB },
    strikes: kinds.length,
    // Each fault is a handler at work.
    bars: { faultsInFlight: 0, safe: true, duplicates: "in flight", resumeMs: RESUME_MS },
    open: async (cleanup) => {
      const { queue, beside = [] } = await open(cleanup);
      const given = new Map<string, PoisonKind>();
      return {
        queue,
        beside,
        async strike({ crew, producers, books, queue: ask, random, pause }) {
          const kind = kinds[given.size % kinds.length]!;
          const id = `${kind}-${given.size}`;
          given.set(id, kind);
          const { deadLetters } = await ask();
          const at = now();
          random.pick(producers).order({ poison: kind, id });
          const runs = (): readonly Poisoning[] => books.poisonings.get(id) ?? [];
          const end = now() + ASIDE_WITHIN_MS;
          while (now() < end && runs().length <= mostRuns(kind)) {
            if ((await deadLetters.get(id)) !== undefined) break;
            await pause(50);
          }
          if (!isDeadly(kind))
            return { at, struckAt: at, reachableAt: at, victims: [], consumers: crew.pids };
          return runs().map(({ pid, at: since }): Fault => {
            const consumers = crew.pidsAt(since).filter((one) => one !== pid);
            const struckAt = crew.deaths.get(pid) ?? since;
            return { at: since, struckAt, reachableAt: since, victims: [pid], consumers };
          });
        },
        missed: (facts) => wrongWith(given, facts),
      };
    },
  };
}

/** What a run shows that dealt with poison in another way than it must. */
export async function wrongWith(
  given: ReadonlyMap<string, PoisonKind>,
  { books, deaths, queue, dismissed }: Facts,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const [id, kind] of given) {
    const runs = books.poisonings.get(id)?.length ?? 0;
    if (runs === 0) wrong.push(`${id} never ran`);
    if (runs > mostRuns(kind)) wrong.push(`${id} ran ${runs} times, more than ${mostRuns(kind)}`);
    const letter = await queue.deadLetters.get(id);
    const reason = isDeadly(kind) ? "poison" : "failed";
    if (letter?.reason !== reason)
      wrong.push(`${id} is ${letter === undefined ? "no dead letter" : letter.reason} instead of ${reason}`);
  }
  const poisoned = new Set([...books.poisonings.values()].flat().map(({ pid }) => pid));
  for (const pid of deaths.keys())
    if (!poisoned.has(pid) && !dismissed.has(pid)) wrong.push("a worker ended that ran no poison");
  return wrong;
}
