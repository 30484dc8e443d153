import { LOG_LEVELS, type Logger, type LogLevel, silentLogger } from "@lexigram/contracts";

const WRITERS = ["debug", "info", "warn", "error"] as const;

/** A logger that passes on what is at least as urgent as `level`; without a level, everything. */
export function atLevel(logger: Logger, level: LogLevel | undefined): Logger {
  if (level === undefined || level === "debug") return logger;
  const least = LOG_LEVELS.indexOf(level);
  const lines: Logger = { ...silentLogger };
  for (const [urgency, name] of WRITERS.entries())
    if (urgency >= least) lines[name] = (message, fields) => logger[name](message, fields);
  return lines;
}
