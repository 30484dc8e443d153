/**
 * What a queue can do. Asking for what it cannot is refused with `LEX_ERR_TASK_UNSUPPORTED`, never ignored; the
 * conformance kit proves each refusal.
 */
export interface QueueCapabilities {
  /**
   * `getJob`, `deleteJob`, `count` by status, `results`.
   *
   * `"eventual"`, here and below: by records that lie beside the queue, in another store. What one process does after
   * another is seen in its order, as with `true`; a process that dies between the two stores leaves a record behind or
   * ahead of its job, until a lease ends or the job is next delivered.
   */
  readonly lookup: boolean | "eventual";
  readonly list: boolean;
  readonly cancel: boolean | "eventual";
  /** Duplicate ids and `unique` keys. */
  readonly unique: boolean | "eventual";
  /** `"eventual"`: exchanges that begin after `pause` claim nothing; one that is under way may still. */
  readonly pause: "exact" | "eventual" | "none";
  /** `maxSize`. */
  readonly capacity: "exact" | "approximate" | "none";
  /** Distinct priority levels, 21 at most. */
  readonly priorities: number;
  readonly delay: boolean;
  readonly expiry: boolean;
  /** `update` of unstarted jobs. */
  readonly update: boolean;
  /** `concurrency` and `rate` of the policy. */
  readonly limits: boolean;
  /** `perKey.order: "fifo"`. */
  readonly keyOrder: boolean;
  /** `perKey.fair`. */
  readonly fairness: boolean;
  /** `dependsOn` and barriers. */
  readonly dependencies: boolean;
  /** Results kept with the terminal record. */
  readonly results: boolean;
  readonly deadLetters: boolean;
  /** Sessions: a resent call applies nothing twice. */
  readonly replay: boolean;
  /** Whether deliveries claimed ahead are told from started ones. */
  readonly started: boolean;
  /** Poison quarantine by `maxRecoveries`. */
  readonly quarantine: boolean;
  readonly transactions: boolean;
  readonly recoveries: "exact" | "approximate";
}

/** Every capability at its strongest, but for transactions, which only a database can join. */
export const FULL_CAPABILITIES: QueueCapabilities = {
  lookup: true,
  list: true,
  cancel: true,
  unique: true,
  pause: "exact",
  capacity: "exact",
  priorities: 21,
  delay: true,
  expiry: true,
  update: true,
  limits: true,
  keyOrder: true,
  fairness: true,
  dependencies: true,
  results: true,
  deadLetters: true,
  replay: true,
  started: true,
  quarantine: true,
  transactions: false,
  recoveries: "exact",
};
