import type { Band } from "../topology/names.ts";
import type { JobFacts } from "./message.ts";

/** A message of ours that was delivered to this process, and may be handed out. */
export interface ReadyMessage {
  readonly facts: JobFacts;
  readonly content: Buffer;
  readonly band: Band;
  /** Its number on its channel. */
  readonly tag: number;
  /** The number of its channel. */
  readonly generation: number;
  /** How often the server had delivered it before, less what is known here to have been a hand-back. */
  readonly recoveries: number;
}
