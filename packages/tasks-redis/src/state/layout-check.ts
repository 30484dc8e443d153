import { type Clock, TaskConfigError } from "@lexigram/contracts";
import type { RedisConnection } from "../connection/redis-connection.ts";
import { checkLayout } from "./lua/check-layout.ts";
import { OLDEST_LAYOUT, STATE_LAYOUT } from "./state-layout.ts";

/** A process that runs for long sees within this time that another one has migrated what is stored. */
const CHECK_EVERY_MS = 60_000;

export interface LayoutCheckOptions {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly namespace: string;
  readonly shards: number;
  /** The key of the record. */
  readonly record: readonly string[];
}

/** Keeps a process from what is stored in a layout that it does not know. */
export class LayoutCheck {
  readonly #options: LayoutCheckOptions;
  #goodUntil = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;

  constructor(options: LayoutCheckOptions) {
    this.#options = options;
  }

  /**
   * Checks the record, and writes it where nothing is stored yet; a call within a minute of the last check does nothing.
   * Concurrent calls share a check.
   *
   * @returns what to wait for, if anything. @throws TaskConfigError when the layout, or the number of shards, is another.
   */
  ensure(): Promise<void> | undefined {
    if (this.#options.clock.monotonic() < this.#goodUntil) return undefined;
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async #check(): Promise<void> {
    const { connection, clock, namespace, shards, record } = this.#options;
    const args = [STATE_LAYOUT, OLDEST_LAYOUT, shards];
    const options = { subject: "state", durable: true };
    const [layout, oldest, stored] = (await connection.run(checkLayout, record, args, options)) as string[];
    if (Number(oldest) > STATE_LAYOUT)
      throw new TaskConfigError(
        `the state of namespace "${namespace}" is stored in layout ${layout}; this process knows layout ${STATE_LAYOUT}`,
        { path: "namespace" },
        { hint: "upgrade @lexigram/tasks-redis in this process, or give it a namespace of its own" },
      );
    if (Number(stored) !== shards)
      throw new TaskConfigError(
        `the state of namespace "${namespace}" is stored in ${stored} shards, not in ${shards}`,
        { path: "shards" },
        { hint: `set shards to ${stored}, or use another namespace` },
      );
    this.#goodUntil = clock.monotonic() + CHECK_EVERY_MS;
  }
}
