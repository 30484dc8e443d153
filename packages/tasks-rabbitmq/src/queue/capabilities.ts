import type { QueueCapabilities } from "@lexigram/contracts";
import { BANDS } from "../topology/names.ts";

/** What queues of a message broker can do. */
export const CAPABILITIES: QueueCapabilities = {
  lookup: false,
  list: false,
  cancel: false,
  unique: false,
  pause: "none",
  capacity: "approximate",
  priorities: BANDS.length,
  delay: true,
  expiry: true,
  update: false,
  limits: false,
  keyOrder: false,
  fairness: false,
  dependencies: false,
  results: false,
  deadLetters: true,
  replay: false,
  started: false,
  quarantine: false,
  transactions: false,
  recoveries: "approximate",
};
