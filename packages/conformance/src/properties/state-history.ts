import type { JsonValue, PutOutcome, StateEntry, StateStoreProtocol } from "@lexigram/contracts";
import { same } from "../kit/expect.ts";
import { LONG_MS, type StateCommand } from "./state-commands.ts";

const NO_VERSION = 0.5;

const defined = <T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined)) as never;

/** One of the two stores, with the versions that it has given out for each key. */
class Side {
  readonly #store: StateStoreProtocol;
  readonly #versions = new Map<string, number[]>();

  constructor(store: StateStoreProtocol) {
    this.#store = store;
  }

  /** What a call did, in words that are the same for both stores. */
  async play(c: StateCommand): Promise<unknown> {
    try {
      return await this.#play(c);
    } catch (error) {
      const { code, fields } = error as { code?: string; fields?: unknown };
      if (code !== "LEX_ERR_TASK_VALIDATION") throw error;
      return fields;
    }
  }

  async #play(c: StateCommand): Promise<unknown> {
    switch (c.do) {
      case "put": {
        const { ttlMs: ttl, ifAbsent } = c as { ttlMs?: number; ifAbsent: boolean };
        const condition = this.#condition(c);
        const outcome = await this.#store.put(
          c.key,
          c.value as JsonValue,
          defined({ ttlMs: ttl, ifAbsent, ...condition }),
        );
        return this.#told(c.key, outcome);
      }
      case "get": {
        const entry = await this.#store.get(c.key);
        return entry && this.#seen(entry);
      }
      case "touch":
        return this.#store.touch(c.key, { ttlMs: c.ttlMs ?? LONG_MS, ...this.#condition(c) });
      case "delete":
        return this.#store.delete(c.key, this.#condition(c));
      case "increment":
        return this.#store.increment(c.key, c.by, defined({ ttlMs: c.ttlMs }));
      case "list": {
        const page = await this.#store.list(c.prefix, { limit: c.limit, ...defined({ cursor: c.after }) });
        return { ...page, items: page.items.map((entry) => this.#seen(entry)) };
      }
      case "takeTokens":
        return this.#tokens(c);
      case "acquire":
        return this.#store.acquire(c.key, c);
      case "release":
        return this.#store.release(c.key, defined({ holder: c.holder, n: c.n }));
      default:
        return undefined;
    }
  }

  async #tokens({ buckets, n }: Extract<StateCommand, { buckets: unknown }>): Promise<unknown> {
    const { granted, retryInMs } = await this.#store.takeTokens(buckets, n);
    if (retryInMs === undefined) return { granted };
    // Time passes on the server; in the digits of an hour and more it does not show.
    return { granted, retryInMs: Number(retryInMs.toPrecision(3)) };
  }

  #condition({ key: of, version: which }: { key: string; version: string }): { ifVersion?: number } {
    const given = this.#versions.get(of) ?? [];
    if (which === "current") return { ifVersion: given.at(-1) ?? NO_VERSION };
    return which === "stale" ? { ifVersion: given.at(-2) ?? NO_VERSION } : {};
  }

  /** Versions are told by their place among those of the key. */
  #place(of: string, given: number): number {
    const versions = this.#versions.get(of) ?? [];
    this.#versions.set(of, versions);
    if (!versions.includes(given)) {
      if (given <= (versions.at(-1) ?? 0))
        throw new Error(`version ${given} of ${of} follows ${versions.join()}`);
      versions.push(given);
    }
    return versions.indexOf(given);
  }

  #seen({ expiresInMs, ...entry }: StateEntry): unknown {
    const place = this.#place(entry.key, entry.version);
    // The sign of nothing is not kept by JSON, and neither is it here.
    return { ...entry, value: JSON.stringify(entry.value), version: place, ends: expiresInMs !== undefined };
  }

  #told(of: string, outcome: PutOutcome): unknown {
    if (outcome.stored) return { stored: true, version: this.#place(of, outcome.version) };
    return { stored: false, current: outcome.current && this.#seen(outcome.current) };
  }
}

/**
 * Plays a script on two state stores and compares every answer.
 *
 * @param beat called before each call: the reference's time goes on as a server's does by itself.
 * @throws at the first difference.
 */
export async function sameState(
  commands: readonly StateCommand[],
  subject: StateStoreProtocol,
  reference: StateStoreProtocol,
  beat: () => Promise<void>,
): Promise<void> {
  const [mine, theirs] = [new Side(subject), new Side(reference)];
  for (const [i, command] of commands.entries())
    for (const step of command.do === "increment"
      ? [command, { do: "get", key: command.key } as const]
      : [command]) {
      await beat();
      const expected = await theirs.play(step);
      same(await mine.play(step), expected, `step ${i + 1}, ${JSON.stringify(step)}`);
    }
}

/**
 * Stores entries in place of all that are there, and lists them: in the order of their UTF-16 code units.
 *
 * @throws when a key or a value is not what was stored.
 */
export async function keepsEntries(
  all: Readonly<Record<string, unknown>>,
  store: StateStoreProtocol,
): Promise<void> {
  for (const { key } of (await store.list("", { limit: 1_000 })).items) await store.delete(key);
  const entries = Object.entries(all);
  await Promise.all(entries.map(([name, member]) => store.put(name, member as JsonValue)));
  const { items } = await store.list("", { limit: 1_000 });
  same(
    items.map(({ key }) => key),
    entries.map(([name]) => name).toSorted(),
    "the keys of a listing",
  );
  for (const { key, value } of items)
    same(JSON.stringify(value), JSON.stringify(all[key]), `the value of ${key}`);
}
