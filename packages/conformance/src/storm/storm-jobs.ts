import type { JobId, NewJob } from "@lexigram/contracts";
import { aBody } from "../build/job.ts";
import type { Dice } from "./seeded-random.ts";

/**
 * What there is about a job, which its id begins with. What may be done to a kind is so chosen that the ledgers of all
 * callers together tell how each job ended: see {@link endsUntold} and {@link mayWait}.
 */
export type StormKind =
  | "plain"
  | "keyed"
  | "late"
  /** Fails, and is redriven. */
  | "doomed"
  /** Of an id that every caller enqueues, each in another order. */
  | "shared"
  | "unique"
  | "expiring"
  | "dependent"
  /** Waits for its children. */
  | "callback"
  | "child";

export const kindOf = (id: JobId): StormKind => id.slice(0, id.indexOf("-")) as StormKind;

const UNTOLD: ReadonlySet<StormKind> = new Set(["unique", "expiring", "dependent", "callback"]);

/** Whether a job may end without anybody being told: in another's place, by its time, with what it depends on. Such records stay. */
export const endsUntold = (id: JobId): boolean => UNTOLD.has(kindOf(id));

/**
 * Whether a job may be put off, and so be cleared with all that are `scheduled`, of which nobody learns the ids. What
 * ends more than once never is, so that nothing else can tell where it went.
 */
export const mayWait = (id: JobId): boolean => kindOf(id) !== "doomed" && kindOf(id) !== "shared";

const KEYS = 6;
const UNIQUE_KEYS = 4;
/** Calls of a caller after which new ids are shared: few, so that callers store the same ones at the same time. */
const SHARED_FOR_CALLS = 4;
const SHARED_IDS = 10;

const ALL_KINDS: Readonly<Record<StormKind, number>> = {
  plain: 6,
  keyed: 3,
  late: 2,
  doomed: 2,
  shared: 3,
  unique: 2,
  expiring: 1,
  dependent: 1,
  callback: 1,
  child: 0,
};
const PLAIN_KINDS: Readonly<Record<StormKind, number>> = {
  ...ALL_KINDS,
  late: 6,
  doomed: 0.5,
  shared: 6,
  keyed: 0,
  unique: 0,
  expiring: 0,
  dependent: 0,
  callback: 0,
};

/** The jobs of one caller. */
export class StormJobs {
  readonly #dice: Dice;
  readonly #name: string;
  #made = 0;

  /** @param name of the caller, which nobody else has. */
  constructor(dice: Dice, name: string) {
    this.#dice = dice;
    this.#name = name;
  }

  /**
   * @param call how many calls the caller has made.
   * @param known ids to depend on; absent: jobs concern nothing but themselves.
   * @returns jobs for one call, of one kind or of two.
   */
  batch(call: number, known?: readonly JobId[]): NewJob[] {
    const jobs = this.#some(call, known);
    return this.#dice.falls(0.5) ? jobs : [...jobs, ...this.#some(call, known)];
  }

  #some(call: number, known?: readonly JobId[]): NewJob[] {
    const dice = this.#dice;
    const kind = dice.weighed<StormKind>(known === undefined ? PLAIN_KINDS : ALL_KINDS);
    if (kind === "callback") return this.#family();
    if (kind === "shared") {
      const block = Math.floor(call / SHARED_FOR_CALLS);
      const ids = Array.from({ length: SHARED_IDS }, (_, i) => `shared-${block}-${i}`);
      return dice.shuffled(ids).map((id) => this.#job(id));
    }
    return Array.from({ length: dice.between(1, 4) }, () => this.#job(this.#id(kind), known));
  }

  #family(): NewJob[] {
    const size = this.#dice.between(2, 4);
    const callback = this.#job(this.#id("callback"));
    const children = Array.from({ length: size }, () => this.#job(this.#id("child")));
    return [
      { ...callback, barrier: { size } },
      ...children.map((child) => ({ ...child, notifies: callback.id })),
    ];
  }

  #id(kind: StormKind): JobId {
    return `${kind}-${this.#name}-${++this.#made}`;
  }

  #job(id: JobId, known: readonly JobId[] = []): NewJob {
    const dice = this.#dice;
    const kind = kindOf(id);
    const key = dice.between(1, KEYS);
    return {
      id,
      task: kind === "doomed" ? "storm.doomed" : "storm.work",
      body: aBody(id),
      headers: {},
      // Those that start in the order of their key have one level.
      priority: kind === "keyed" ? key : dice.between(4, 6),
      ...(endsUntold(id) ? { resultTtlMs: null } : {}),
      ...this.#rules(kind, key, known),
    };
  }

  #rules(kind: StormKind, key: number, known: readonly JobId[]): Partial<NewJob> {
    const dice = this.#dice;
    switch (kind) {
      case "keyed":
        return { key: `k${key}` };
      case "late":
        return { delayMs: dice.between(1, 150) };
      case "expiring":
        return { expiresInMs: dice.between(5, 300) };
      case "dependent": {
        const others = new Set([dice.of(known), dice.of(known)].filter((id) => id !== undefined));
        return others.size === 0 ? {} : { dependsOn: [...others] };
      }
      case "unique":
        return {
          unique: {
            key: `u${dice.between(1, UNIQUE_KEYS)}`,
            until: dice.falls(0.5) ? "settled" : "started",
            onConflict: dice.weighed({ replace: 2, existing: 1, reject: 1 }),
          },
        };
      default:
        return {};
    }
  }
}
