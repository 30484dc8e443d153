import { ManualClock } from "@lexigram/conformance";
import { beforeEach, describe, expect, test } from "vitest";
import type { ChannelListener, RedisConnection } from "../../src/connection/redis-connection.ts";
import type { QueueScripts } from "../../src/queue/queue-scripts.ts";
import { WorkSignal } from "../../src/queue/work-signal.ts";

const LONG_MS = 900;

/** A signal whose server says nothing by itself. */
class Listening {
  readonly clock = new ManualClock();
  looks = 0;
  readonly signal: WorkSignal;
  #listener: ChannelListener | undefined;

  constructor() {
    const connection: Partial<RedisConnection> = {
      subscribe: (_channel, listener) => {
        this.#listener = listener;
        return Promise.resolve(() => {});
      },
    };
    const scripts = {
      keys: { wakeChannel: "wake" },
      await: () => {
        this.looks++;
        return Promise.resolve([0, -1]);
      },
    };
    this.signal = new WorkSignal({
      connection: connection as RedisConnection,
      clock: this.clock,
      name: "q",
      scripts: scripts as unknown as QueueScripts,
    });
  }

  tell(text: string): void {
    this.#listener?.message(text);
  }

  resume(): void {
    this.#listener?.resumed?.();
  }

  /** An exchange that found nothing more, having seen jobs up to `place`. */
  exchange(place: number, meanwhile: () => void = () => {}): void {
    const mark = this.signal.asks();
    meanwhile();
    this.signal.foundNoMore(mark, place, undefined);
  }

  /** Begins a wait. @returns whether it is over. */
  async wait(): Promise<() => boolean> {
    let over = false;
    void this.signal.wait(LONG_MS, new AbortController().signal).then(() => (over = true));
    await settled();
    return () => over;
  }
}

/** Every promise that is ready has been followed. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a worker that found nothing more", () => {
  let at: Listening;
  beforeEach(async () => {
    at = new Listening();
    await at.wait();
    await at.clock.advance(LONG_MS);
    at.looks = 0;
  });

  test("does not ask again before it waits", async () => {
    at.exchange(7);
    const over = await at.wait();
    expect([over(), at.looks]).toEqual([false, 0]);
    await at.clock.advance(LONG_MS);
    await settled();
    expect(over()).toBe(true);
  });

  test.each(["+8", "", "1"])("is woken by the news %j", async (news) => {
    at.exchange(7);
    const over = await at.wait();
    at.tell(news);
    await settled();
    expect(over()).toBe(true);
  });

  test("is not woken by news of a job that its exchange saw", async () => {
    at.exchange(7);
    const over = await at.wait();
    at.tell("+7");
    await settled();
    expect(over()).toBe(false);
  });

  test("does not wait when news of a later job came while its exchange was under way", async () => {
    at.exchange(7, () => at.tell("+8"));
    expect((await at.wait())()).toBe(true);
  });

  test("waits when the news that came meanwhile are of a job that its exchange saw", async () => {
    at.exchange(7, () => at.tell("+7"));
    expect((await at.wait())()).toBe(false);
  });

  test("does not wait when a job came after its exchange", async () => {
    at.exchange(7);
    at.tell("+8");
    expect((await at.wait())()).toBe(true);
  });

  test("waits after an exchange that was sent after the news, whatever place that saw", async () => {
    at.exchange(7);
    at.tell("+8");
    // A server that took over may have given fewer places.
    at.exchange(3);
    const over = await at.wait();
    expect(over()).toBe(false);
    at.tell("+4");
    await settled();
    expect(over()).toBe(true);
  });

  test("is woken by an enqueue of its own process, and by a link that came back", async () => {
    for (const wake of [() => at.signal.wake(), () => at.resume()]) {
      at.exchange(7);
      const over = await at.wait();
      wake();
      await settled();
      expect(over()).toBe(true);
    }
  });

  test("does not wait when its process enqueued while its exchange was under way", async () => {
    at.exchange(7, () => at.signal.wake());
    expect((await at.wait())()).toBe(true);
  });
});
