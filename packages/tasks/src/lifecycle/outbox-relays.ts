import type { Clock, Logger, Random } from "@lexigram/contracts";
import { OutboxRelay } from "../dispatch/outbox-relay.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import { randomName } from "../job/job-id.ts";

export interface OutboxRelayServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
}

/** The relays of an application: one for each queue that has an outbox. */
export class OutboxRelays {
  readonly #services: OutboxRelayServices;
  readonly #relays: OutboxRelay[] = [];
  #started = false;

  constructor(services: OutboxRelayServices) {
    this.#services = services;
  }

  /** Takes a queue in, if it has an outbox; its relay starts with the others. */
  add({ name, outbox }: QueueBinding): void {
    if (outbox === undefined) return;
    const { clock, logger, random } = this.#services;
    const holder = `${process.pid}-${randomName(random)}`;
    const relay = new OutboxRelay({
      name,
      outbox: outbox.outbox,
      queue: outbox.target,
      holder,
      clock,
      logger,
    });
    this.#relays.push(relay);
    if (this.#started) relay.start();
  }

  start(): void {
    this.#started = true;
    for (const relay of this.#relays) relay.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop()));
  }
}
