/**
 * Every key of a queue, in the order in which scripts name them. The set is fixed: what grows (levels apart) is fields
 * and members, never keys named at run time, so that one hash tag holds a queue on one node.
 */
const NAMES = [
  // HASH: counters, rules, pause, layout.
  "meta",
  // HASH id -> what was enqueued.
  "jobs",
  // HASH id -> what became of it; absent for a pending job that never ran.
  "state",
  // ZSET of running jobs by the end of their lease, and HASH id -> delivery.
  "lease",
  "fence",
  // ZSET of pending jobs that came back to an earlier place than the tail of their level, by level and place.
  "early",
  // ZSET of pending jobs that limits, fairness or order concern, by place.
  "pend",
  // HASH of entries in level lists whose job is no longer there.
  "stale",
  // ZSETs by due time: scheduled, and scheduled after an attempt.
  "sched",
  "retry",
  // ZSET of jobs that wait for others.
  "waiting",
  // ZSET of unstarted jobs by the end of their time.
  "expiry",
  // LIST of completed records, and ZSETs of the other terminal ones, by when they ended.
  "completed",
  "cancelled",
  "expired",
  "failed",
  // ZSET of records with a time to live of their own.
  "until",
  // ZSET in lexical order. Its members begin with a letter, and mostly with a name whose length stands before it:
  // L lane, place, id: a job in its lane; O section, level, turn, lane: a lane that is open; D key, lane: one that is
  // shut until its key may start a job again; C key, number, id: the unfinished jobs of a key; H id: a dead letter that
  // holds its key; E id, dependent; P owner, id: a record that stays until its owner is over; K status, stamp, id:
  // ended records that are pinned, waited for, or have a time of their own.
  "index",
  // ZSET in lexical order: held deliveries whose cancellation was asked for, by session.
  "notices",
  // HASH of what belongs to single jobs, keys or lanes and is rare. at:, op: and ck: name the member of index in which a
  // job stands in its lane, a lane is open, and a job stands among those of its key; hold: marks a dead letter that holds
  // its key; rt: and rk: count the leases of a task and of a key; pin: the owners of a record; unmet: the dependencies
  // that a job waits for; barrier: the children that are missing.
  "aux",
  // HASH of entries in the list of completed records whose record is no longer there.
  "staleDone",
  // ZSETs of token buckets by the instant at which they are full, and of keys by when they have a token again.
  "bucket",
  "refill",
  // HASH unique key -> holder, and ZSET of keys that are held for a time.
  "unique",
  "uniqueEnds",
  // LIST of ends of jobs that have to be carried to those that wait for them.
  "releases",
  // ZSET of sessions, by when their last call may be forgotten; the calls themselves are fields of meta.
  "callEnds",
  // ZSET of sessions that claim, by the end of their lease.
  "consumers",
  // ZSET of jobs whose end somebody waits for.
  "awaited",
] as const;

const LEVELS = Array.from({ length: 21 }, (_, level) => level);

/** The keys of one queue. */
export class QueueKeys {
  /** Position of the first level among the keys of the short way, counted from 1. */
  static readonly FIRST_PLAIN_LEVEL = 6;
  /** What the short way of an enqueue touches: for jobs of one priority, by that, and for jobs of any. */
  readonly plainLevel: readonly (readonly string[])[];
  readonly plain: readonly string[];
  /** What reading of outcomes touches, and telling that they are waited for. */
  readonly outcomes: readonly string[];
  readonly watch: readonly string[];
  /** What the hot calls touch. */
  readonly hot: readonly string[];
  /** What any script touches; besides the hot ones these are lists for the time in which new rules are applied. */
  readonly all: readonly string[];
  /** Where ends of jobs, and work, are announced. */
  readonly settledChannel: string;
  readonly wakeChannel: string;

  constructor(namespace: string, queue: string) {
    // A character that neither name may hold stands between them.
    const prefix = `{${namespace}/${queue}}:`;
    // Frozen, so that what is sent of them is made once.
    const enqueued = ["meta", "jobs", "state", "sched", "callEnds"].map((name) => prefix + name);
    const levels = LEVELS.map((level) => `${prefix}level:${level}`);
    this.plainLevel = levels.map((level) => Object.freeze([...enqueued, level]));
    this.plain = Object.freeze([...enqueued, ...levels]);
    this.outcomes = Object.freeze(["jobs", "state", "fence"].map((name) => prefix + name));
    this.watch = Object.freeze(["state", "awaited"].map((name) => prefix + name));
    this.hot = Object.freeze([...NAMES.map((name) => prefix + name), ...levels]);
    // Free jobs stand there while new rules are applied to those that are there.
    this.all = Object.freeze([...this.hot, ...LEVELS.map((level) => `${prefix}kept:${level}`)]);
    this.settledChannel = `${prefix}settled`;
    this.wakeChannel = `${prefix}wake`;
  }
}

/** Binds each key to an upper-case local. */
export const KEY_LOCALS: string = NAMES.map((name, i) => `local ${name.toUpperCase()} = KEYS[${i + 1}]`).join(
  "\n",
);
/** KEYS[LEVEL0 + priority] is a level, KEYS[KEPT0 + priority] its second list. */
export const LEVEL0: number = NAMES.length + 1;
export const KEPT0: number = NAMES.length + 1 + LEVELS.length;
