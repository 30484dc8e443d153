import type { Clock, Logger, StateStoreProtocol } from "@lexigram/contracts";
import type { TaskEmitter } from "../events/task-emitter.ts";
import { MemoryStateStore } from "../memory/memory-state-store.ts";
import type { BreakerRule } from "./breaker-options.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

export interface CircuitBreakersParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emitter: TaskEmitter;
  /** Names this process. */
  readonly holder: string;
}

/** The breakers of one process: of queues, and of tasks in the store of the queue they run from. */
export class CircuitBreakers {
  readonly #parts: CircuitBreakersParts;
  readonly #made = new Map<StateStoreProtocol, Map<string, CircuitBreaker>>();
  #own: MemoryStateStore | undefined;

  constructor(parts: CircuitBreakersParts) {
    this.#parts = parts;
  }

  /** @param id the queue's name in its store. */
  ofQueue(
    name: string,
    id: string,
    rule: BreakerRule,
    state: StateStoreProtocol | undefined,
  ): CircuitBreaker {
    return this.#of("queue", name, id, rule, state);
  }

  ofTask(name: string, rule: BreakerRule, state: StateStoreProtocol | undefined): CircuitBreaker {
    return this.#of("task", name, name, rule, state);
  }

  all(): readonly CircuitBreaker[] {
    return [...this.#made.values()].flatMap((made) => [...made.values()]);
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    await Promise.all(this.all().map((breaker) => breaker.stop()));
  }

  #of(
    scope: "queue" | "task",
    name: string,
    id: string,
    rule: BreakerRule,
    given: StateStoreProtocol | undefined,
  ): CircuitBreaker {
    const { clock } = this.#parts;
    const state = given ?? (this.#own ??= new MemoryStateStore({ clock }));
    let made = this.#made.get(state);
    if (made === undefined) this.#made.set(state, (made = new Map<string, CircuitBreaker>()));
    const key = `${scope}:${id}`;
    let breaker = made.get(key);
    if (breaker === undefined) {
      breaker = new CircuitBreaker({ ...this.#parts, scope, name, id, rule, state });
      made.set(key, breaker);
    }
    breaker.start();
    return breaker;
  }
}
