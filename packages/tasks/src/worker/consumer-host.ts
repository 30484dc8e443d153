import type { Moment } from "../observability/moment.ts";
import type { Attempt } from "./attempt.ts";

/** The engine, as consumers see it. */
export interface ConsumerHost {
  /** Hands free slots out, then sends what is to be sent. */
  pump(): void;
  /** A slot came free: hands it on at once, and asks for a pump in the next turn of the loop. */
  slotFreed(): void;
  askTurn(): void;
  /** An attempt's outcome is stored. @param at when the store said so. */
  report(attempt: Attempt, at: Moment): void;
}
