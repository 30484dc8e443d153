import type { Attempt } from "./attempt.ts";

/** The engine, as consumers see it. */
export interface ConsumerHost {
  /** Hands free slots out, then sends what is to be sent. */
  pump(): void;
  /** A slot came free: hands it on at once, and asks for a pump in the next turn of the loop. */
  slotFreed(): void;
  askTurn(): void;
  /** An attempt's outcome is stored. */
  report(attempt: Attempt): void;
}
