import fc from "fast-check";

/** Chosen by number among what is there when the command runs, so that a script stays meaningful while it shrinks. */
export type Pick = number;

/** A job of a script. Spans are milliseconds. */
export interface ScriptJob {
  readonly priority: number;
  readonly delayMs?: number;
  readonly expiresInMs?: number;
  readonly key?: string;
  readonly maxRecoveries?: number;
  readonly unique?: {
    readonly key: string;
    readonly until: "started" | "settled";
    readonly onConflict: "reject" | "existing" | "replace";
  };
  /** Takes the id of a job that was stored before, or of the one before it in the batch. */
  readonly sameIdAs?: Pick;
  readonly dependsOn?: readonly Pick[];
  readonly barrier?: number;
  readonly notifies?: Pick;
}

export interface ScriptSettlement {
  readonly delivery: Pick;
  readonly kind: "complete" | "retry" | "fail" | "cancel" | "release";
  readonly delayMs: number;
  readonly countAttempt: boolean;
}

export interface ScriptPolicy {
  readonly maxSize?: number;
  readonly concurrency?: number;
  readonly perKey?: { readonly concurrency?: number; readonly order?: "fifo" };
}

/** One step of a script, as data: it can be printed, kept as a fixture, and played on any queue. */
export type QueueCommand =
  | { readonly kind: "enqueue"; readonly worker: 0 | 1; readonly jobs: readonly ScriptJob[] }
  | {
      readonly kind: "exchange";
      readonly worker: 0 | 1;
      readonly settle: readonly ScriptSettlement[];
      readonly started: readonly Pick[];
      readonly slots: number;
      readonly ahead: number;
      readonly leaseMs: number;
    }
  | { readonly kind: "resend"; readonly worker: 0 | 1; readonly call: "enqueue" | "exchange" }
  | { readonly kind: "extend"; readonly deliveries: readonly Pick[]; readonly leaseMs: number }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "cancel"; readonly job: Pick }
  | { readonly kind: "delete"; readonly job: Pick }
  | { readonly kind: "update"; readonly job: Pick; readonly priority?: number; readonly runInMs?: number }
  | { readonly kind: "redrive"; readonly job: Pick }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "policy"; readonly policy: ScriptPolicy };

export interface QueueCommandsOptions {
  /** Whether time passes in the script; leave it out where the store's time cannot be moved. Default true. */
  readonly time?: boolean;
  /** Longest script. Default 40. */
  readonly maxLength?: number;
}

const LONG_MS = 3_600_001;

/**
 * Random scripts for a queue. Time moves in whole seconds while leases, delays and expiries end between two seconds,
 * each at a fraction of its own: no two things of different kind ever fall on one instant, where either order would
 * be right.
 */
export function queueCommands(options: QueueCommandsOptions = {}): fc.Arbitrary<readonly QueueCommand[]> {
  const moves = options.time ?? true;
  const pick = fc.nat({ max: 63 });
  const worker = fc.constantFrom(0 as const, 1 as const);
  const span = (offsetMs: number): fc.Arbitrary<number> =>
    moves ? fc.integer({ min: 0, max: 6 }).map((s) => s * 1_000 + offsetMs) : fc.constant(LONG_MS + offsetMs);
  const leaseMs = span(303);
  const delayMs = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: span(505) });
  const priority = fc.constantFrom(0, 5, 20);

  const plain = fc.record(
    {
      priority,
      delayMs: span(505),
      expiresInMs: span(707),
      maxRecoveries: fc.constantFrom(0, 1),
      sameIdAs: pick,
    },
    { requiredKeys: ["priority"] },
  );
  const unique = fc.record({
    priority,
    unique: fc.record({
      key: fc.constantFrom("u", "v"),
      until: fc.constantFrom("started" as const, "settled" as const),
      onConflict: fc.constantFrom("reject" as const, "existing" as const, "replace" as const),
    }),
  });
  const linked = fc.record(
    {
      priority,
      dependsOn: fc.array(pick, { minLength: 1, maxLength: 2 }),
      barrier: fc.integer({ min: 1, max: 2 }),
      notifies: pick,
    },
    { requiredKeys: ["priority"] },
  );
  const simple = fc.record({ priority: fc.constant(5) });
  // All of one priority: a key that is held in order takes no other.
  const keyed = fc.record(
    {
      priority: fc.constant(5),
      key: fc.constantFrom("a", "b"),
      delayMs: span(505),
      expiresInMs: span(707),
      maxRecoveries: fc.constantFrom(0, 1),
    },
    { requiredKeys: ["priority", "key"] },
  );
  const job: fc.Arbitrary<ScriptJob> = fc.oneof(
    { weight: 2, arbitrary: simple },
    { weight: 3, arbitrary: keyed },
    { weight: 3, arbitrary: plain },
    { weight: 1, arbitrary: unique },
    { weight: 2, arbitrary: linked },
  );
  const settlement: fc.Arbitrary<ScriptSettlement> = fc.record({
    delivery: pick,
    kind: fc.constantFrom("complete", "complete", "retry", "fail", "cancel", "release"),
    delayMs,
    countAttempt: fc.boolean(),
  });
  const maxSize = fc.integer({ min: 1, max: 12 });
  const concurrency = fc.integer({ min: 1, max: 3 });
  const perKey = fc.record({ concurrency: fc.integer({ min: 1, max: 2 }) });
  const policy: fc.Arbitrary<ScriptPolicy> = fc.oneof(
    fc.constant({}),
    fc.record({ maxSize }),
    fc.record({ concurrency }),
    fc.record({ perKey }),
    fc.constant({ perKey: { order: "fifo" as const } }),
    fc.record({ maxSize, concurrency, perKey }),
  );

  const commands: { weight: number; arbitrary: fc.Arbitrary<QueueCommand> }[] = [
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("enqueue" as const),
        worker,
        jobs: fc.array(job, { minLength: 1, maxLength: 4 }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("exchange" as const),
        worker,
        settle: fc.array(settlement, { maxLength: 3 }),
        started: fc.array(pick, { maxLength: 2 }),
        slots: fc.integer({ min: 0, max: 3 }),
        ahead: fc.integer({ min: 0, max: 2 }),
        leaseMs,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("resend" as const),
        worker,
        call: fc.constantFrom("enqueue" as const, "exchange" as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("extend" as const),
        deliveries: fc.uniqueArray(pick, { maxLength: 3 }),
        leaseMs,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), job: pick }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), job: pick }) },
    {
      weight: 1,
      arbitrary: fc.record(
        { kind: fc.constant("update" as const), job: pick, priority, runInMs: span(505) },
        { requiredKeys: ["kind", "job"] },
      ),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("redrive" as const), job: pick }) },
    { weight: 1, arbitrary: fc.constant({ kind: "pause" as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: "resume" as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("policy" as const), policy }) },
  ];
  if (moves)
    commands.push({
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("advance" as const),
        ms: fc.integer({ min: 1, max: 5 }).map((s) => s * 1_000),
      }),
    });
  return fc.array(fc.oneof(...commands), { maxLength: options.maxLength ?? 40, size: "max" });
}
