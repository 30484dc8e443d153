import { hostname } from "node:os";
import type { TaskQueueProtocol } from "@lexigram/contracts";
import type { DispatchTarget } from "./dispatch-core.ts";
import type { QueueBinding } from "./queue-binding.ts";

/** What a machine may be called: letters, digits, `.`, `_` and `-`, 64 at most, a letter or digit first. */
export const HOST_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * The name in the store of the part of a queue that only the workers of one machine take from.
 *
 * @param host `"localhost"`: this machine, by the name that it gives itself.
 */
export function hostQueueName(queueName: string, host: string): string {
  return `${queueName}.${host === "localhost" ? hostname() : host}`;
}

/** Parts of queues that belong to one machine, each opened when the first job is sent there. They are closed with their backend. */
export class HostQueues {
  readonly #targets = new WeakMap<QueueBinding, Map<string, DispatchTarget>>();
  readonly #enqueueTimeoutMs: number;

  /** @param enqueueTimeoutMs after which an unconfirmed enqueue is given up. */
  constructor(enqueueTimeoutMs: number) {
    this.#enqueueTimeoutMs = enqueueTimeoutMs;
  }

  of(binding: QueueBinding, host: string): DispatchTarget {
    let ofBinding = this.#targets.get(binding);
    if (ofBinding === undefined) this.#targets.set(binding, (ofBinding = new Map()));
    const storeName = hostQueueName(binding.queue.name, host);
    let target = ofBinding.get(storeName);
    if (target === undefined) {
      const { state, standIn, defaults } = binding;
      const name = hostQueueName(binding.name, host);
      target = { name, queue: this.#open(binding, storeName), state, standIn, defaults };
      ofBinding.set(storeName, target);
    }
    return target;
  }

  #open({ backend, openBeside }: QueueBinding, storeName: string): TaskQueueProtocol {
    return openBeside?.(storeName) ?? backend.queue(storeName, { enqueueTimeoutMs: this.#enqueueTimeoutMs });
  }
}
