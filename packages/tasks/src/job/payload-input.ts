import type { Envelope } from "./envelope.ts";

/** What producers without named input send: positional arguments and named ones. */
export interface WireArguments {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/**
 * What a handler is given of an envelope, before validation: its `input`, or, when there is none, `args` and `kwargs`
 * in one object. `undefined` when it carries neither.
 */
export function inputOf(envelope: Envelope): unknown {
  if (envelope.input !== undefined || (envelope.args === undefined && envelope.kwargs === undefined))
    return envelope.input;
  return { args: envelope.args ?? [], kwargs: envelope.kwargs ?? {} } satisfies WireArguments;
}
