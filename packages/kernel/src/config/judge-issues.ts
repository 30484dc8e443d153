import type { Logger } from "@lexigram/contracts";
import { ConfigRefusedError } from "../errors/config-errors.ts";
import { type ConfigIssue, formatIssue } from "./config-issue.ts";
import type { Environment } from "./environment.ts";

/** @throws ConfigRefusedError in production when an issue is an error; everything else is logged as a warning. */
export function judgeIssues(issues: readonly ConfigIssue[], environment: Environment, logger: Logger): void {
  if (environment === "production" && issues.some(({ severity }) => severity === "error"))
    throw new ConfigRefusedError({ environment, issues });
  for (const issue of issues)
    logger.warn(`configuration: ${formatIssue(issue)}`, { severity: issue.severity });
}
