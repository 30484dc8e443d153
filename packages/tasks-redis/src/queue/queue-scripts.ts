import {
  type CallName,
  ClosedError,
  type JobId,
  type NewJob,
  type QueuePolicy,
  QueueUnavailableError,
  TaskConfigError,
} from "@lexigram/contracts";
import type { RedisConnection, RunOptions, ScriptArgument } from "../connection/redis-connection.ts";
import { QueueKeys } from "../lua/keys.ts";
import { QUEUE_SCRIPTS } from "../lua/scripts.ts";
import { enqueueArguments, plainArguments } from "./enqueue-call.ts";
import { policyArguments } from "./policy-rules.ts";

/** The layout that this code writes, and the oldest code that may use it. */
const LAYOUT = 1;
const OLDEST_LAYOUT = 1;
/** Enqueues that go the long way at once after the short one was refused: the queue's rules say so, probably. */
const JUDGED_CALLS = 100;
/** Jobs of one script: few enough to be stored while the next are made. */
const PART = 250;
const ALL_ACCEPTED: readonly string[] = [];

export interface QueueScriptsParts {
  readonly name: string;
  readonly namespace: string;
  readonly connection: RedisConnection;
  /** How long a call is remembered, in milliseconds. */
  readonly rememberMs: number;
  /** Rules to set before the first call; absent: those that are stored stay. */
  readonly policy: QueuePolicy | undefined;
}

/**
 * The scripts of one queue, run on its keys. Before the first of them it makes sure, once, that this code may use what is
 * stored. After `close` every call rejects with `ClosedError`.
 */
export class QueueScripts {
  readonly keys: QueueKeys;
  readonly #parts: QueueScriptsParts;
  /** How every call that changes something is made. */
  readonly #durable: RunOptions;
  readonly #fleeting: RunOptions;
  #judged = 0;
  #opening: Promise<void> | undefined;
  #isOpen = false;
  #closed = false;

  constructor(parts: QueueScriptsParts) {
    this.#parts = parts;
    this.keys = new QueueKeys(parts.namespace, parts.name);
    this.#durable = { subject: parts.name, durable: true };
    this.#fleeting = { subject: parts.name };
  }

  close(): void {
    this.#closed = true;
  }

  /** @throws ClosedError once it is closed. */
  checkOpen(): void {
    if (this.#closed) throw new ClosedError({ resource: `queue "${this.#parts.name}"` });
  }

  /** What is done to single jobs, and to the queue. */
  async control(operation: string, ...args: readonly ScriptArgument[]): Promise<unknown> {
    await this.#ready();
    return this.#control(operation, args);
  }

  /** What only looks; a replica may answer. */
  async look(question: string, ...args: readonly ScriptArgument[]): Promise<unknown> {
    await this.#ready();
    const { connection } = this.#parts;
    return connection.read(QUEUE_SCRIPTS.look, this.keys.hot, ["", "", question, ...args], this.#fleeting);
  }

  /** @returns the answers of the store; none when all are accepted. */
  async enqueue(jobs: readonly NewJob[], { session, seq }: CallName): Promise<readonly string[]> {
    if (!this.#isOpen) await this.#ready();
    else this.checkOpen();
    try {
      return jobs.length <= PART
        ? await this.#enqueuePart(jobs, { session, seq }, "")
        : await this.#enqueueParts(jobs, { session, seq });
    } catch (error) {
      throw withIds(error, jobs);
    }
  }

  async exchange(args: readonly ScriptArgument[], settles: boolean): Promise<unknown> {
    if (!this.#isOpen) await this.#ready();
    else this.checkOpen();
    const options = settles ? this.#durable : this.#fleeting;
    return this.#parts.connection.run(QUEUE_SCRIPTS.exchange, this.keys.hot, args, options);
  }

  async extend(args: readonly ScriptArgument[]): Promise<unknown> {
    await this.#ready();
    return this.#parts.connection.run(QUEUE_SCRIPTS.extend, this.keys.hot, args, this.#fleeting);
  }

  /** Whether a claim would find a job, and in how many milliseconds time alone makes work, -1 for never. */
  async await(): Promise<readonly [has: number, due: number]> {
    await this.#ready();
    const answer = await this.#control("await", [], this.#fleeting);
    return answer as [number, number];
  }

  async outcomes(ids: readonly JobId[]): Promise<unknown> {
    await this.#ready();
    return this.#parts.connection.read(QUEUE_SCRIPTS.outcomes, this.keys.outcomes, ids, this.#fleeting);
  }

  /** Keeps the records of jobs a moment past their end. @returns those that have ended. */
  async watch(forMs: number, ids: readonly JobId[]): Promise<readonly JobId[]> {
    await this.#ready();
    const args = [forMs, ...ids];
    const { connection } = this.#parts;
    return (await connection.run(QUEUE_SCRIPTS.watch, this.keys.watch, args, this.#fleeting)) as JobId[];
  }

  async setPolicy(policy: QueuePolicy): Promise<void> {
    await this.#ready();
    await this.#setPolicy(policy);
  }

  async #ready(): Promise<void> {
    this.checkOpen();
    if (this.#isOpen) return;
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } finally {
      this.#opening = undefined;
    }
    this.checkOpen();
  }

  async #open(): Promise<void> {
    const { name, policy } = this.#parts;
    const [layout, oldest] = (await this.#control("layout", [LAYOUT, OLDEST_LAYOUT])) as [string, string];
    if (Number(oldest) > LAYOUT)
      throw new TaskConfigError(
        `queue "${name}" has layout ${layout}, which this version of @lexigram/tasks-redis cannot use`,
        { path: "queueName" },
        { hint: "update @lexigram/tasks-redis in this process, or name another queue or namespace" },
      );
    if (policy !== undefined) await this.#setPolicy(policy);
    this.#isOpen = true;
  }

  async #setPolicy(policy: QueuePolicy): Promise<void> {
    const args = policyArguments(policy);
    let answer = await this.#control("policy", args);
    // Rules of somebody else are being applied to the jobs that are there; ours come after.
    while (answer === "busy") answer = await this.#control("policy", args);
    while (answer === "refiling") answer = await this.#control("refile", []);
  }

  #control(operation: string, args: readonly ScriptArgument[], options = this.#durable): Promise<unknown> {
    const { wakeChannel, settledChannel, all } = this.keys;
    const given = [wakeChannel, settledChannel, operation, ...args];
    return this.#parts.connection.run(QUEUE_SCRIPTS.control, all, given, options);
  }

  /**
   * Many jobs go in parts, each a call of its own that a resend of the whole repeats, so that the server stores one part
   * while the next is made. A part that has to be judged is sent when those before it are answered.
   */
  async #enqueueParts(jobs: readonly NewJob[], { session, seq }: CallName): Promise<readonly string[]> {
    const parts: { readonly size: number; readonly answers: Promise<readonly string[]> }[] = [];
    let after = "";
    for (let at = 0; at < jobs.length; at += PART) {
      const part = jobs.slice(at, at + PART);
      const name = { session: `${session}#${at / PART}`, seq };
      const before = parts.map(({ answers }) => answers);
      parts.push({ size: part.length, answers: this.#enqueuePart(part, name, after, before) });
      after = name.session;
    }
    // Nothing of a call is under way any more when it is told how it ended.
    const ended = await Promise.allSettled(parts.map((part) => part.answers));
    const failed = ended.find((one) => one.status === "rejected");
    if (failed !== undefined) throw partly(failed.reason, ended);
    const answers = ended.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    if (answers.every(({ length }) => length === 0)) return ALL_ACCEPTED;
    return answers.flatMap((own, i) => (own.length > 0 ? own : Array<string>(parts[i]!.size).fill("a")));
  }

  /** The short way, for jobs that concern nothing but themselves, and else the long one. */
  async #enqueuePart(
    jobs: readonly NewJob[],
    name: CallName,
    after: string,
    before: readonly Promise<unknown>[] = [],
  ): Promise<readonly string[]> {
    const { connection, rememberMs } = this.#parts;
    if (this.#judged > 0) this.#judged--;
    else {
      const call = plainArguments(this.keys, name, rememberMs, jobs, after);
      if (call !== undefined) {
        const answer = await connection.run(QUEUE_SCRIPTS.plainEnqueue, call.keys, call.args, this.#durable);
        if (answer === 1) return ALL_ACCEPTED;
        this.#judged = JUDGED_CALLS;
      }
    }
    if (before.length > 0) await Promise.all(before);
    return this.#enqueueAny(jobs, name);
  }

  async #enqueueAny(jobs: readonly NewJob[], name: CallName): Promise<readonly string[]> {
    const { connection, rememberMs } = this.#parts;
    const args = enqueueArguments(this.keys, name, rememberMs, jobs);
    return (await connection.run(
      QUEUE_SCRIPTS.enqueue,
      this.keys.hot,
      args,
      this.#durable,
    )) as readonly string[];
  }
}

/** What a call failed with of which some parts may be stored. */
function partly(error: unknown, parts: readonly PromiseSettledResult<unknown>[]): unknown {
  if (!(error instanceof QueueUnavailableError)) return error;
  const none = parts.every(
    (part) =>
      part.status === "rejected" &&
      part.reason instanceof QueueUnavailableError &&
      part.reason.fields.accepted === "no",
  );
  return none
    ? error
    : new QueueUnavailableError({ ...error.fields, accepted: "unknown" }, { cause: error.cause });
}

/** Names the jobs whose fate is unknown. */
function withIds(error: unknown, jobs: readonly NewJob[]): unknown {
  if (!(error instanceof QueueUnavailableError) || error.fields.accepted !== "unknown") return error;
  return new QueueUnavailableError(
    { ...error.fields, ids: jobs.map(({ id }) => id) },
    { cause: error.cause },
  );
}
