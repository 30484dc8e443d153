import type { Clock } from "@lexigram/contracts";

/** A call that was not answered in time. It may yet be applied. */
export class LateError extends Error {
  override readonly name = "LateError";
}

/**
 * The outcome of a call, if it comes in time.
 *
 * @throws LateError after `ms`; what the call rejects with.
 */
export function inTime<T>(call: Promise<T>, ms: number, clock: Clock, what: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.setTimer(
      () => reject(new LateError(`the server did not answer ${what} within ${ms} ms`)),
      ms,
    );
    call.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
