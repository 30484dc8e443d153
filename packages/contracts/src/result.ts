/** Success of an operation whose failure the caller is expected to handle. */
export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}

/** An expected refusal: full, duplicate, invalid, unsupported. Infrastructure failures are thrown instead. */
export interface Err<E> {
  readonly ok: false;
  readonly error: E;
}

export type Result<T, E> = Ok<T> | Err<E>;

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

export function err<E>(error: E): Err<E> {
  return { ok: false, error };
}

/**
 * The value of a success.
 *
 * @throws the error itself when it is an `Error`, otherwise an `Error` whose `cause` is it.
 */
export function unwrap<T, E>(result: Result<T, E>): T {
  if (result.ok) return result.value;
  if (result.error instanceof Error) throw result.error;
  throw new Error("unwrapped a failed result", { cause: result.error });
}
