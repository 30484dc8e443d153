import { type Clock, type Logger, serializeError } from "@lexigram/contracts";
import type { TaskExecutionContext, TaskMiddleware, TaskMiddlewareFunction } from "./middleware.ts";

/** What lies inside a layer. May answer without a promise, and may throw. */
export type Inside = () => unknown;

/** A layer with everything inside it but the innermost. May answer without a promise, and may throw. */
export type Around = (context: TaskExecutionContext, innermost: Inside) => unknown;

/** A layer made of a function. */
export function functionLayer(middleware: TaskMiddlewareFunction, inside: Around | undefined): Around {
  return (context, innermost) => {
    let called = false;
    const next = (): Promise<unknown> => {
      if (called) return Promise.reject(new Error("a middleware called next() more than once"));
      called = true;
      try {
        const result = inside === undefined ? innermost() : inside(context, innermost);
        return result instanceof Promise ? result : Promise.resolve(result);
      } catch (error) {
        return Promise.reject(error);
      }
    };
    return middleware(context, next);
  };
}

/** Tells one hook how a job ended. Not made per job: a closure for each would be most of what a layer allocates. */
type TellEnd = (hook: TaskMiddleware, context: TaskExecutionContext, thrown: unknown) => void | Promise<void>;

const tellResult: TellEnd = (hook, context) => hook.afterExecute!(context);
const tellError: TellEnd = (hook, context, thrown) => hook.onError!(context, thrown);

/** A layer made of neighbouring middleware in the ancestor's form; costs no promise when nothing in it needs one. */
export function hookLayer(
  list: readonly TaskMiddleware[],
  inside: Around | undefined,
  services: { readonly logger: Logger; readonly clock: Clock },
): Around {
  const { logger, clock } = services;
  const before = list.filter((one) => one.beforeExecute !== undefined);
  const after = list.filter((one) => one.afterExecute !== undefined).toReversed();
  const onError = list.filter((one) => one.onError !== undefined).toReversed();

  const fault = (tell: TellEnd, context: TaskExecutionContext, error: unknown): void =>
    logger.error("a middleware failed", {
      hook: tell === tellError ? "onError" : "afterExecute",
      task: context.taskName,
      job: context.jobId,
      error: serializeError(error),
    });

  /** Runs hooks one after the other, from `from` on; what they throw is logged only. */
  const isolated = (
    tell: TellEnd,
    context: TaskExecutionContext,
    thrown: unknown,
    from = 0,
  ): Promise<void> | undefined => {
    const hooks = tell === tellError ? onError : after;
    for (let i = from; i < hooks.length; i++) {
      try {
        const told = tell(hooks[i]!, context, thrown);
        if (told instanceof Promise) return isolatedLater(told, tell, context, thrown, i + 1);
      } catch (error) {
        fault(tell, context, error);
      }
    }
    return undefined;
  };
  const isolatedLater = async (
    told: Promise<void>,
    tell: TellEnd,
    context: TaskExecutionContext,
    thrown: unknown,
    from: number,
  ): Promise<void> => {
    await told.catch((error: unknown) => fault(tell, context, error));
    await isolated(tell, context, thrown, from);
  };

  const succeeded = (context: TaskExecutionContext, result: unknown): unknown => {
    context.result = result;
    context.endTime ??= clock.monotonic();
    const told = isolated(tellResult, context, undefined);
    return told === undefined ? result : told.then(() => result);
  };
  const failed = (context: TaskExecutionContext, error: unknown): unknown => {
    context.endTime ??= clock.monotonic();
    const told = isolated(tellError, context, error);
    if (told === undefined) throw error;
    return told.then(() => Promise.reject(error));
  };
  const run = (context: TaskExecutionContext, innermost: Inside): unknown => {
    let result: unknown;
    let later: boolean;
    try {
      result = inside === undefined ? innermost() : inside(context, innermost);
      later = result instanceof Promise;
    } catch (error) {
      return failed(context, error);
    }
    if (!later) return succeeded(context, result);
    return (result as Promise<unknown>).then(
      (value: unknown) => succeeded(context, value),
      (error: unknown) => failed(context, error),
    );
  };
  const begin = (context: TaskExecutionContext, innermost: Inside, from: number): unknown => {
    for (let i = from; i < before.length; i++) {
      try {
        const told = before[i]!.beforeExecute!(context);
        if (told instanceof Promise) return beginLater(told, context, innermost, i + 1);
      } catch (error) {
        return failed(context, error);
      }
    }
    return run(context, innermost);
  };
  const beginLater = (
    told: Promise<void>,
    context: TaskExecutionContext,
    innermost: Inside,
    from: number,
  ): Promise<unknown> =>
    told.then(
      () => begin(context, innermost, from),
      (error: unknown) => failed(context, error),
    );
  return (context, innermost) => begin(context, innermost, 0);
}
