import { type Enqueued, type NewJob, ok, type Result, type TaskQueueError } from "@lexigram/contracts";
import type { JobMessage } from "../queue/message.ts";
import type { Fate } from "../queue/publisher.ts";
import type { Entered, Entering } from "./entering.ts";

type Answer = Result<Enqueued, TaskQueueError>;

/** The jobs of one call that have their records, by their places in it. */
export interface EnteredJobs {
  /** Of those that are not to be published. */
  readonly answers: ReadonlyMap<number, Answer>;
  /** Of one that was published and stored. */
  answerOf(place: number): Answer | undefined;
  /** What became of the messages of those places. Never rejects: what is not confirmed here, a worker confirms. */
  published(places: readonly number[], fates: readonly Fate[]): Promise<void>;
}

/**
 * Writes the records of a call's jobs, all at once but for those that another of the same call may stand in the way of.
 *
 * @param before places that the same call has stored before.
 */
export async function enterJobs(
  entering: Entering,
  jobs: readonly NewJob[],
  judged: readonly Result<JobMessage, TaskQueueError>[],
  before: ReadonlySet<number>,
): Promise<EnteredJobs> {
  const entered = new Map<number, Entered>();
  const answers = new Map<number, Answer>();
  const enter = async (place: number, message: JobMessage): Promise<void> => {
    const result = await entering.enter(jobs[place]!, message);
    if ("ok" in result) answers.set(place, result);
    else if (result.isThere) answers.set(place, ok(result.answer));
    else entered.set(place, result);
  };
  const withdraw = (): Promise<unknown> =>
    Promise.allSettled([...entered.values()].map((one) => entering.withdraw(one)));
  const apart: Promise<void>[] = [];
  const seen = new Set<string>();
  let inOrder = Promise.resolve();
  for (const [place, one] of judged.entries()) {
    if (!one.ok || before.has(place)) continue;
    const { id, unique } = jobs[place]!;
    const isApart = unique === undefined && !seen.has(id);
    seen.add(id);
    if (isApart) apart.push(enter(place, one.value));
    else inOrder = inOrder.then(() => Promise.all(apart)).then(() => enter(place, one.value));
  }
  const all = await Promise.allSettled([...apart, inOrder]);
  const failed = all.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) {
    await withdraw();
    throw failed.reason;
  }
  return {
    answers,
    answerOf(place) {
      const one = entered.get(place);
      return one === undefined ? undefined : ok(one.answer);
    },
    async published(places, fates) {
      await Promise.allSettled(
        places.map(async (place, i) => {
          const one = entered.get(place);
          if (one === undefined || fates[i] === "unknown") return;
          await (fates[i] === "stored" ? entering.confirm(one) : entering.withdraw(one));
        }),
      );
    },
  };
}
