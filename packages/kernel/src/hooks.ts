import type { Logger } from "@lexigram/contracts";

/** Names and payloads of actions; open to merging. */
export interface HookActions {
  "application.starting": { readonly application: string };
  "application.started": { readonly application: string; readonly durationMs: number };
  "application.stopping": { readonly application: string };
  "application.stopped": { readonly application: string };
  /** Called by whoever wants the application to stop in order; it does not wait. */
  "application.stop-requested": { readonly reason: string; readonly exitCode?: number };
}

/** Names and values of filters; open to merging. */
export interface HookFilters {}

type Known<Map, K> = K extends keyof Map ? Map[K] : unknown;
type Name<Map> = (keyof Map & string) | (string & {});

/** When a hook runs among those of one name: lower first, equals in the order of registration. */
export const HookPriority = { EARLIEST: 0, EARLY: 50, NORMAL: 100, LATE: 200, LATEST: 300 } as const;

export interface HookOptions {
  /** Default `HookPriority.NORMAL`. */
  readonly priority?: number;
  /** Runs at most once, then goes. Default false. */
  readonly once?: boolean;
}

type Action = (payload: unknown) => unknown;
type Filter = (value: unknown, context: unknown) => unknown;

interface Hook<F> {
  readonly run: F;
  readonly priority: number;
  readonly once: boolean;
}

/** Hooks of one kind by name. Lists are replaced, never changed, so that a running call is not disturbed. */
class Hooks<F> {
  readonly #byName = new Map<string, readonly Hook<F>[]>();

  add(name: string, run: F, options: HookOptions): () => void {
    const hook: Hook<F> = {
      run,
      priority: options.priority ?? HookPriority.NORMAL,
      once: options.once ?? false,
    };
    const list = this.#byName.get(name) ?? [];
    const after = list.findIndex((other) => other.priority > hook.priority);
    this.#byName.set(name, list.toSpliced(after < 0 ? list.length : after, 0, hook));
    return () => this.#drop(name, (other) => other === hook);
  }

  remove(name: string, run: F): void {
    this.#drop(name, (hook) => hook.run === run);
  }

  /** The hooks to run now. Those that run once are gone before they run, so that calls at the same time share them out. */
  take(name: string): readonly Hook<F>[] {
    const list = this.#byName.get(name) ?? [];
    if (list.some(({ once }) => once)) this.#drop(name, ({ once }) => once);
    return list;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  clear(): void {
    this.#byName.clear();
  }

  #drop(name: string, leaving: (hook: Hook<F>) => boolean): void {
    const rest = (this.#byName.get(name) ?? []).filter((hook) => !leaving(hook));
    if (rest.length > 0) this.#byName.set(name, rest);
    else this.#byName.delete(name);
  }
}

/**
 * Lets others take part in what the application does: actions are told, filters change a value. Registering and
 * calling may overlap; a call runs the hooks that were there when it began.
 */
export class HookRegistry {
  readonly #actions = new Hooks<Action>();
  readonly #filters = new Hooks<Filter>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @returns takes the action back; a no-op the second time. */
  registerAction<K extends Name<HookActions>>(
    name: K,
    action: (payload: Known<HookActions, K>) => unknown,
    options: HookOptions = {},
  ): () => void {
    return this.#actions.add(name, action as Action, options);
  }

  /** Takes back every registration of the action under the name. */
  unregisterAction<K extends Name<HookActions>>(
    name: K,
    action: (payload: Known<HookActions, K>) => unknown,
  ): void {
    this.#actions.remove(name, action as Action);
  }

  /** Whether a call would reach anyone; ask before building a costly payload. */
  hasAction(name: Name<HookActions>): boolean {
    return this.#actions.has(name);
  }

  /** Runs the actions one after the other. What one throws is logged, and the next one runs. Never rejects. */
  async callAction<K extends Name<HookActions>>(name: K, payload: Known<HookActions, K>): Promise<void> {
    for (const { run } of this.#actions.take(name)) {
      try {
        await run(payload);
      } catch (error) {
        this.#logger.error("a hook action failed", { hook: name, error });
      }
    }
  }

  /** @returns takes the filter back; a no-op the second time. */
  registerFilter<K extends Name<HookFilters>>(
    name: K,
    filter: (
      value: Known<HookFilters, K>,
      context: unknown,
    ) => Known<HookFilters, K> | Promise<Known<HookFilters, K>>,
    options: HookOptions = {},
  ): () => void {
    return this.#filters.add(name, filter as Filter, options);
  }

  unregisterFilter<K extends Name<HookFilters>>(
    name: K,
    filter: (value: Known<HookFilters, K>, context: unknown) => unknown,
  ): void {
    this.#filters.remove(name, filter as Filter);
  }

  hasFilter(name: Name<HookFilters>): boolean {
    return this.#filters.has(name);
  }

  /** Hands a value from filter to filter and returns what the last one made of it. What a filter throws is thrown. */
  async applyFilters<T>(name: Name<HookFilters>, value: T, context?: unknown): Promise<T> {
    let current: unknown = value;
    for (const { run } of this.#filters.take(name)) current = await run(current, context);
    return current as T;
  }

  /** Takes back everything. */
  clear(): void {
    this.#actions.clear();
    this.#filters.clear();
  }
}
