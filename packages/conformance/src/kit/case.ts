import type { Need } from "./needs.ts";

/** Numbers a promise of `docs/laws/queue.md`. */
export type QueueLaw = `Q-${number}`;
/** Numbers a promise of `docs/laws/state.md`. */
export type StateLaw = `S-${number}`;

/** Numbers a promise of `docs/laws/schedules.md`. */
export type ScheduleLaw = `T-${number}`;
/** Numbers a promise of `docs/laws/limits.md`. */
export type LimitLaw = `L-${number}`;

/** Numbers a promise of `docs/laws/workflows.md`. */
export type WorkflowLaw = `W-${number}`;

/** Numbers a promise of `docs/laws/locks.md`. */
export type LockLaw = `K-${number}`;

/** What a harness may offer or not. */
export type Offer = "sever" | "transaction";

/** One check of one law, as a value that any runner can run. */
export interface Case<Law extends string, Env> {
  readonly law: Law;
  /** A promise in the present tense. */
  readonly name: string;
  /** Without these the case does not apply; that they are refused is then proven instead. */
  readonly needs?: readonly Need[];
  /** What the harness must offer; without it the case is skipped. */
  readonly harness?: Offer;
  run(env: Env): Promise<void>;
}

/** What became of a case. */
export type CaseReport<Law extends string = string> = {
  readonly law: Law;
  readonly name: string;
  readonly harness: string;
} & (
  | { readonly outcome: "passed" }
  | { readonly outcome: "failed"; readonly error: LawBrokenError }
  /** Not applicable: declared unsupported, and proven to refuse. */
  | { readonly outcome: "refused"; readonly capability: string }
  | { readonly outcome: "skipped"; readonly reason: string }
);

/** A subject does not keep a law. The message names the law, the promise, and what was seen. */
export class LawBrokenError extends Error {
  readonly law: string;

  constructor(broken: { law: string; name: string; harness: string; seed: string; cause: unknown }) {
    const { law, name, harness, seed, cause } = broken;
    const seen = reasonsOf(cause).join("\n  because: ");
    super(`${law} is broken by ${harness}: ${name}\n  ${seen}\n  (names of this run contain "${seed}")`, {
      cause,
    });
    this.name = "LawBrokenError";
    this.law = law;
  }
}

/** More would be a circle. */
const REASONS_SHOWN = 8;

/** What was seen, and what each error says it came from. */
function reasonsOf(cause: unknown): string[] {
  const reasons: string[] = [];
  for (let at = cause; reasons.length < REASONS_SHOWN; at = at.cause) {
    reasons.push(at instanceof Error ? at.message : String(at));
    if (!(at instanceof Error) || at.cause === undefined) break;
  }
  return reasons;
}

/** How a case is called in a report: its law and its promise. */
export function title(c: { readonly law: string; readonly name: string }): string {
  return `${c.law} ${c.name}`;
}
