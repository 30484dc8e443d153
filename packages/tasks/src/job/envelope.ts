import type { Body } from "@lexigram/contracts";

/** Per-job policy that travels with the job and wins over the task's. Spans are milliseconds. */
export interface JobPolicy {
  readonly maxRetries?: number;
  /** `null`: the worker's longest, and no limit where it enforces none. */
  readonly timeoutMs?: number | null;
  /** Epoch milliseconds by which the job must be finished. */
  readonly deadline?: number;
  readonly backoff?: {
    readonly strategy?: "exponential" | "linear" | "fixed";
    readonly baseDelayMs?: number;
    readonly factor?: number;
    readonly maxDelayMs?: number;
    readonly jitter?: number;
  };
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * What a body holds, version 1. Unknown fields, of newer producers, are kept when a body is rewritten. A task has one
 * `input`; `args` and `kwargs` are what producers in other languages send, joined by an adapter of the handler.
 */
export interface Envelope {
  readonly v: 1;
  readonly input?: unknown;
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly policy?: JobPolicy;
  readonly [field: string]: unknown;
}

/** Turns values into bodies and back. Only data crosses the wire. */
export interface Codec {
  /** Stored beside each body, so that a worker finds the codec that wrote it. */
  readonly encoding: string;
  /** @throws TaskValidationError for a value it cannot hold. */
  encode(value: unknown): Body["data"];
  /** @throws TaskValidationError for data that it did not write. */
  decode(data: Body["data"]): unknown;
}
