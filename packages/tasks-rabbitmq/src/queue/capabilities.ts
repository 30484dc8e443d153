import type { QueueCapabilities } from "@lexigram/contracts";
import { BANDS } from "../topology/names.ts";

/** What queues of a message broker can do by themselves. */
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

/** And with an index of their jobs in a state store of another backend. */
export const INDEXED_CAPABILITIES: QueueCapabilities = {
  ...CAPABILITIES,
  lookup: "eventual",
  cancel: "eventual",
  unique: "eventual",
  pause: "eventual",
  quarantine: true,
  recoveries: "exact",
};
