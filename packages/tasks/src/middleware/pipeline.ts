import {
  type Clock,
  holdsOptions,
  JobResult,
  type Logger,
  refuseUnless,
  silentLogger,
  systemClock,
} from "@lexigram/contracts";
import { JobExecutionContext } from "./execution-context.ts";
import type { TaskExecutionContext, TaskMiddleware, TaskMiddlewareFunction } from "./middleware.ts";
import { checkHooks, notMiddleware } from "./middleware-check.ts";
import { type Around, functionLayer, hookLayer, type Inside } from "./onion.ts";

export type MiddlewarePhase = TaskExecutionContext["phase"];

/** What `execute` runs a handler for. */
export interface ExecutableJob {
  readonly id: string;
  readonly task: string;
  readonly input?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The queue's name in the application. Default `"default"`. */
  readonly queue?: string;
  /** From 1. Default 1. */
  readonly attempt?: number;
}

type Layer =
  | {
      readonly kind: "function";
      readonly middleware: TaskMiddlewareFunction;
      readonly phases: readonly MiddlewarePhase[];
    }
  | {
      readonly kind: "hooks";
      readonly middleware: TaskMiddleware;
      readonly phases: readonly MiddlewarePhase[];
    };

const BOTH: readonly MiddlewarePhase[] = ["enqueue", "process"];

/**
 * The middleware around every enqueue and every attempt, the first one outermost. The default pipeline of an
 * application holds logging, metrics and timeout, in this order, then the user's own in the order in which they were
 * added. Composed when it changes, not per job; without middleware of a phase that phase costs nothing.
 */
export class TaskMiddlewarePipeline {
  readonly #layers: Layer[] = [];
  readonly #composed = new Map<MiddlewarePhase, Around | undefined>();
  readonly #logger: Logger;
  readonly #clock: Clock;

  /** @param options `logger` hears what `afterExecute` and `onError` throw. Default: nobody. */
  constructor(options: { readonly logger?: Logger; readonly clock?: Clock } = {}) {
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Adds a function innermost.
   *
   * @param phases where it takes part. Default: enqueue and process.
   * @throws TaskConfigError for what is no function.
   */
  use(middleware: TaskMiddlewareFunction, phases: readonly MiddlewarePhase[] = BOTH): this {
    if (typeof (middleware as unknown) !== "function") throw notMiddleware("use() takes a function");
    this.#layers.push({ kind: "function", middleware, phases });
    this.#composed.clear();
    return this;
  }

  /**
   * Adds middleware in the ancestor's form, innermost.
   *
   * @param phases where it takes part. Default: process.
   * @throws TaskConfigError for what has none of the hooks, or a hook that is no function or is misspelt.
   */
  add(middleware: TaskMiddleware, phases: readonly MiddlewarePhase[] = ["process"]): this {
    checkHooks(middleware);
    this.#layers.push({ kind: "hooks", middleware, phases });
    this.#composed.clear();
    return this;
  }

  /** How many take part in a phase. */
  size(phase: MiddlewarePhase): number {
    return this.#layers.filter((layer) => layer.phases.includes(phase)).length;
  }

  /** The whole of a phase as one function. Jobs already under way keep what they began with. */
  compose(
    phase: MiddlewarePhase,
  ): (context: TaskExecutionContext, innermost: () => Promise<unknown>) => Promise<unknown> {
    const around = this.around(phase);
    if (around === undefined) return (_context, innermost) => innermost();
    return async (context, innermost) => around(context, innermost);
  }

  /** As `compose`, but answers without a promise when nothing in it needed one, and is `undefined` when it is empty. */
  around(phase: MiddlewarePhase): Around | undefined {
    if (!this.#composed.has(phase)) this.#composed.set(phase, this.#compose(phase));
    return this.#composed.get(phase);
  }

  /**
   * Runs a handler here, as an attempt would.
   *
   * @throws what the handler throws, after every `onError` has heard it.
   */
  async execute(job: ExecutableJob, handler: (input: unknown) => unknown): Promise<JobResult> {
    refuseUnless(holdsOptions(job), "execute", "job", "must be an object with id and task");
    refuseUnless(typeof handler === "function", "execute", "handler", "must be a function");
    const facts = { phase: "process", taskName: job.task, jobId: job.id, input: job.input } as const;
    const context = new JobExecutionContext(
      { ...facts, queueName: job.queue ?? "default", headers: { ...job.headers }, attempt: job.attempt ?? 1 },
      this.#clock,
    );
    const innermost: Inside = () => handler(job.input);
    const around = this.around("process");
    const value = await (around === undefined ? innermost() : around(context, innermost));
    context.endTime ??= this.#clock.monotonic();
    return JobResult.ok(value, context.durationMs);
  }

  #compose(phase: MiddlewarePhase): Around | undefined {
    let inside: Around | undefined;
    let hooks: TaskMiddleware[] = [];
    const closeHooks = (): void => {
      if (hooks.length > 0) inside = hookLayer(hooks, inside, { logger: this.#logger, clock: this.#clock });
      hooks = [];
    };
    for (const layer of this.#layers.toReversed()) {
      if (!layer.phases.includes(phase)) continue;
      if (layer.kind === "hooks") {
        hooks.unshift(layer.middleware);
        continue;
      }
      closeHooks();
      inside = functionLayer(layer.middleware, inside);
    }
    closeHooks();
    return inside;
  }
}
