import { Clock } from "@lexigram/contracts";
import type { Application } from "./application.ts";
import { ApplicationStoppedError } from "./errors/application-errors.ts";

/** As much of a process as is needed to hear its signals and to leave it. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
  exit(code: number): void;
  exitCode?: number | string | null | undefined;
}

export interface RunOptions {
  /** Default: the process. */
  readonly source?: SignalSource;
}

/** What a shell reports of a process that a signal ended: 128 and the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
const SIGNALS = Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[];

/**
 * Starts an application, unless it runs already, and waits until it has stopped. The first SIGINT or SIGTERM stops
 * it in order, also while it starts; the second leaves the process at once, with code 130 or 143. The process stays
 * alive meanwhile, and the listeners go when this settles. Where the action `application.stop-requested` named an exit
 * code, the process has it from then on.
 *
 * @throws what the start or the stop throws. A start that a signal ended is no failure.
 */
export async function runApplication(app: Application, options: RunOptions = {}): Promise<void> {
  const source = options.source ?? process;
  let asked = false;
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => {
      if (asked) return source.exit(EXIT_CODES[signal]);
      asked = true;
      // Waited for below; here it must only not count as unhandled.
      app.stop().catch(() => {});
    };
    source.on(signal, listener);
    return () => source.off(signal, listener);
  });
  try {
    if (app.state === "created") await app.start();
    await aliveUntil(app);
    await app.stop();
  } catch (error) {
    if (!(asked && error instanceof ApplicationStoppedError)) throw error;
  } finally {
    if (app.exitCode !== undefined) source.exitCode = app.exitCode;
    for (const remove of listeners) remove();
  }
}

/** Neither a promise nor a signal listener keeps Node alive; a timer does. */
async function aliveUntil(app: Application): Promise<void> {
  if (app.state === "stopped") return;
  const timer = app.get(Clock).setTimer(() => {}, Number.MAX_SAFE_INTEGER);
  try {
    await app.stopped;
  } finally {
    timer.cancel();
  }
}
