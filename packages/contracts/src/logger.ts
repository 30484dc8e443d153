import { type Token, token } from "./token.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Levels from the most talkative to the quietest. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where the framework and its handlers write. Any structured logger fits behind these four methods. A logger must
 * not throw, and must expect to be called often.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const Logger: Token<Logger> = token("Logger");

const nothing = (): void => {};

export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** A logger that adds `fields` to every line of another; fields of the line win. */
export function withFields(logger: Logger, fields: LogFields): Logger {
  return {
    debug: (message, more) => logger.debug(message, { ...fields, ...more }),
    info: (message, more) => logger.info(message, { ...fields, ...more }),
    warn: (message, more) => logger.warn(message, { ...fields, ...more }),
    error: (message, more) => logger.error(message, { ...fields, ...more }),
  };
}
