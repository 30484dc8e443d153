import type { Clock, Logger, Timer } from "@lexigram/contracts";
import type { HookRegistry } from "@lexigram/kernel";
import type { TaskEmitter } from "../events/task-emitter.ts";

export interface RecyclingParts {
  /** Milliseconds; `null`: for ever. */
  readonly maxRunTimeMs: number | null;
  readonly exitCode: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emitter: TaskEmitter;
  readonly hooks: HookRegistry;
}

/** Stops the application in order when its workers have run for long enough, for a supervisor to start it anew. */
export class Recycling {
  readonly #parts: RecyclingParts;
  #timer: Timer | undefined;

  constructor(parts: RecyclingParts) {
    this.#parts = parts;
  }

  /** The workers have started. */
  start(): void {
    const { maxRunTimeMs, clock } = this.#parts;
    if (maxRunTimeMs === null) return;
    const since = clock.monotonic();
    this.#timer = clock.setTimer(() => this.#recycle(clock.monotonic() - since), maxRunTimeMs, {
      keepAlive: false,
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #recycle(ranMs: number): void {
    const { exitCode, logger, emitter, hooks } = this.#parts;
    logger.info("the workers have run for as long as they may: the application stops", { ranMs, exitCode });
    emitter.emit("worker.recycled", { ranMs, exitCode });
    void hooks.callAction("application.stop-requested", { reason: "worker.maxRunTime", exitCode });
  }
}
