import { type Clock, LOG_LEVELS, type Logger } from "@lexigram/contracts";
import { z } from "zod";
import type { AppConfig } from "./config/app-config.ts";
import { consoleLogger } from "./console-logger.ts";

const LoggingConfig = z.strictObject({
  level: z
    .enum(LOG_LEVELS as [string, ...string[]] as ["debug", "info", "warn", "error", "silent"])
    .default("info"),
  /** Default: JSON lines in production and staging, text elsewhere. */
  format: z.enum(["json", "pretty"]).optional(),
});

/** The logger of an application: the one given, or a console logger as the section `logging` says. */
export function configuredLogger(config: AppConfig, clock: Clock, given: Logger | undefined): Logger {
  const { level, format } = config.section("logging", LoggingConfig);
  if (given !== undefined) return given;
  const isDeployed = config.environment === "production" || config.environment === "staging";
  return consoleLogger({ level, format: format ?? (isDeployed ? "json" : "pretty"), clock });
}
