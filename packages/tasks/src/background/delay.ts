import { functionOption, refuseUnknownOptions } from "@lexigram/contracts";
import { type BackgroundTask, BackgroundTaskManager } from "./background-task-manager.ts";

/** A function that can also run in the background. */
export type Delayed<A extends unknown[], R> = ((...args: A) => R) & {
  /** Runs it in this process, beside everything else, and keeps hold of it until it is over. No queue, no retries. */
  delay(...args: A): BackgroundTask<Awaited<R>>;
};

export interface DelayOptions {
  /** Follows what runs. Default: one of the process, which logs nothing and never ends. */
  readonly manager?: BackgroundTaskManager;
}

const ofProcess = new BackgroundTaskManager();

/**
 * Gives a function `.delay(…)`, which calls it in the background of this process. Called directly it is as it was, and
 * keeps its name.
 *
 * @throws TaskConfigError for what is no function, and an unknown option.
 */
export function delay<A extends unknown[], R>(
  fn: (...args: A) => R,
  options: DelayOptions = {},
): Delayed<A, R> {
  functionOption("delay", "fn", fn);
  refuseUnknownOptions("delay", options, ["manager"]);
  const { manager = ofProcess } = options;
  const name = fn.name === "" ? "delayed function" : fn.name;
  function direct(this: unknown, ...args: A): R {
    return fn.apply(this, args);
  }
  Object.defineProperty(direct, "name", { value: fn.name, configurable: true });
  Object.defineProperty(direct, "length", { value: fn.length, configurable: true });
  return Object.assign(direct, {
    delay(this: unknown, ...args: A): BackgroundTask<Awaited<R>> {
      return manager.trackNamed(name, () => fn(...args) as Awaited<R>);
    },
  });
}
