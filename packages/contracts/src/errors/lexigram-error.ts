import { redact } from "./redact.ts";

export interface LexigramErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The base of every error that this framework throws on purpose: a stable code to branch on, typed fields, and a
 * hint that says what to do next. Secrets in message and hint are hidden here, once.
 */
export abstract class LexigramError<C extends string = string, F extends object = object> extends Error {
  /** Stable over releases; branch on this, never on the message. */
  abstract readonly code: C;
  readonly fields: Readonly<F>;
  /** What the reader can do about it; empty when there is nothing to add. */
  readonly hint: string;

  constructor(message: string, fields: F, options: LexigramErrorOptions = {}) {
    super(redact(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.fields = fields;
    this.hint = redact(options.hint ?? "");
  }

  toJSON(): Record<string, unknown> {
    const hint = this.hint === "" ? {} : { hint: this.hint };
    return { name: this.name, code: this.code, message: this.message, fields: this.fields, ...hint };
  }
}

/** A duration that is not one. */
export class InvalidDurationError extends LexigramError<
  "LEX_ERR_DURATION_INVALID",
  { readonly value: string | number }
> {
  readonly code = "LEX_ERR_DURATION_INVALID";
  /** @param fields of a `value` that is neither text nor number, the kind is kept. */
  constructor(fields: { readonly value: unknown }) {
    const { value } = fields;
    const isShown = typeof value === "string" || typeof value === "number";
    const kept = isShown ? value : value === null ? "null" : typeof value;
    super(
      `${typeof value === "string" ? JSON.stringify(value) : kept} is not a duration`,
      { value: kept },
      {
        hint: 'give milliseconds, or digits with units from the largest to the smallest: "250ms", "30s", "5m", "1h30m", "7d"',
      },
    );
  }
}
