import type { Clock } from "@lexigram/contracts";
import { AbortLink } from "../results/abort-link.ts";
import type { IdempotencyStore } from "./idempotency-store.ts";

const POLL_MS = 1_000;

/**
 * Waits until a record may say something else: for a hint, and no longer than a second in any case, in which a claim may
 * have ended that nobody told of.
 *
 * @throws the reason of `signal` when that is aborted.
 */
export async function untilTold(
  store: IdempotencyStore,
  key: string,
  wait: { readonly clock: Clock; readonly atMostMs: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  wait.signal?.throwIfAborted();
  const link = new AbortLink(wait.signal);
  await new Promise<void>((resolve) => {
    const timer = wait.clock.setTimer(() => link.abort(), Math.min(wait.atMostMs, POLL_MS));
    link.signal.addEventListener(
      "abort",
      () => {
        timer.cancel();
        resolve();
      },
      { once: true },
    );
    void hear(store, key, link);
  });
  wait.signal?.throwIfAborted();
}

async function hear(store: IdempotencyStore, key: string, link: AbortLink): Promise<void> {
  try {
    const hints = (await store.hints(key, link.signal))[Symbol.asyncIterator]();
    // It may have ended before there was anybody to be told.
    const now = await store.get(key);
    if (now?.stored.status === "in_progress") await hints.next();
    link.abort();
  } catch {
    // The poll tells it a little later.
  }
}
