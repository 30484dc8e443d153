import { type SerializedError, serializeError } from "../errors/serialized-error.ts";

/** The outcome of running a job once, as data. */
export class JobResult<T = unknown> {
  readonly success: boolean;
  /** The handler's return value; absent on failure. Falsy values count. */
  readonly data: T | undefined;
  readonly error: SerializedError | undefined;
  /** Milliseconds. */
  readonly durationMs: number;
  readonly retryCount: number;

  private constructor(fields: {
    success: boolean;
    data?: T | undefined;
    error?: SerializedError | undefined;
    durationMs: number;
    retryCount: number;
  }) {
    this.success = fields.success;
    this.data = fields.data;
    this.error = fields.error;
    this.durationMs = fields.durationMs;
    this.retryCount = fields.retryCount;
  }

  static ok<T>(data?: T, durationMs = 0): JobResult<T> {
    return new JobResult({ success: true, data, durationMs, retryCount: 0 });
  }

  /** @param error anything thrown, or an error that is data already. */
  static fail(error: unknown, options: { durationMs?: number; retryCount?: number } = {}): JobResult<never> {
    return new JobResult<never>({
      success: false,
      error: isSerializedError(error) ? error : serializeError(error),
      durationMs: options.durationMs ?? 0,
      retryCount: options.retryCount ?? 0,
    });
  }

  toJSON(): Record<string, unknown> {
    const { success, data, error, durationMs, retryCount } = this;
    return { success, data, error, durationMs, retryCount };
  }

  /** Reads what `toJSON` wrote; unknown fields are ignored. */
  static fromJSON<T = unknown>(value: Readonly<Record<string, unknown>>): JobResult<T> {
    return new JobResult<T>({
      success: value["success"] === true,
      data: value["data"] as T | undefined,
      error: isSerializedError(value["error"]) ? value["error"] : undefined,
      durationMs: typeof value["durationMs"] === "number" ? value["durationMs"] : 0,
      retryCount: typeof value["retryCount"] === "number" ? value["retryCount"] : 0,
    });
  }
}

function isSerializedError(value: unknown): value is SerializedError {
  if (typeof value !== "object" || value === null || value instanceof Error) return false;
  const { name, message } = value as Partial<SerializedError>;
  return typeof name === "string" && typeof message === "string";
}
