import {
  type Clock,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LogLevel,
  silentLogger,
  systemClock,
} from "@lexigram/contracts";
import { redacted } from "./redacted.ts";

export type LogFormat = "json" | "pretty";

export interface ConsoleLoggerOptions {
  /** The quietest level that is written. Default `"info"`. */
  readonly level?: LogLevel;
  /** One JSON object a line, or text for people, with stacks of errors on lines of their own. Default `"json"`. */
  readonly format?: LogFormat;
  readonly clock?: Clock;
  /** Takes each line. Default: standard error, so that standard output stays the program's own. */
  readonly write?: (line: string, level: Exclude<LogLevel, "silent">) => void;
}

/**
 * A logger that writes lines. `time` is in epoch milliseconds. Values of fields with a secret name, and credentials
 * inside URLs, are replaced by `***`. Never throws.
 */
export function consoleLogger(options: ConsoleLoggerOptions = {}): Logger {
  const { level = "info", format = "json", clock = systemClock, write = toConsole } = options;
  const threshold = LOG_LEVELS.indexOf(level);
  const render = format === "json" ? asJson : asText;
  const at = (own: Exclude<LogLevel, "silent">): Logger["debug"] => {
    // The very function that stands for silence, so that who logs often can see that nobody listens.
    if (LOG_LEVELS.indexOf(own) < threshold) return silentLogger[own];
    return (message, fields) => {
      try {
        write(render(clock.now(), own, message, fields), own);
      } catch {
        // A line that cannot be written must not stop the work that wanted to report it.
      }
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function asJson(time: number, level: LogLevel, message: string, fields: LogFields | undefined): string {
  const more = fields === undefined ? undefined : (redacted(fields) as object);
  return JSON.stringify({ time, level, message: redacted(message), ...more });
}

function asText(time: number, level: LogLevel, message: string, fields: LogFields | undefined): string {
  const stacks: string[] = [];
  const more = Object.entries(fields === undefined ? {} : (redacted(fields) as object))
    .map(([key, value]) => ` ${key}=${typeof value === "string" ? value : asValue(value, stacks)}`)
    .join("");
  const line = `${timeOfDay(time)} ${level.toUpperCase().padEnd(5)} ${String(redacted(message))}${more}`;
  return [line, ...stacks.flatMap((stack) => stack.split("\n").map((one) => `    ${one}`))].join("\n");
}

/** A value as JSON; stacks of errors in it are put aside, to stand on lines of their own. */
function asValue(value: unknown, stacks: string[]): string {
  return JSON.stringify(value, (key, part: unknown) => {
    if (!isError(part)) return part;
    const { stack, ...rest } = part;
    stacks.push(key === "cause" ? `caused by ${stack}` : stack);
    return rest;
  });
}

const isError = (value: unknown): value is { readonly stack: string } =>
  typeof value === "object" &&
  value !== null &&
  ["name", "message", "stack"].every(
    (key) => typeof (value as Readonly<Record<string, unknown>>)[key] === "string",
  );

/** UTC, as `09:41:05.123`. */
function timeOfDay(time: number): string {
  const pad = (value: number, width: number): string => String(Math.floor(value)).padStart(width, "0");
  const day = time % 86_400_000;
  return `${pad(day / 3_600_000, 2)}:${pad((day / 60_000) % 60, 2)}:${pad((day / 1000) % 60, 2)}.${pad(day % 1000, 3)}`;
}

function toConsole(line: string): void {
  console.error(line);
}
