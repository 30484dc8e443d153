import { nearest } from "@lexigram/contracts";
import type { ConfigIssue } from "./config-issue.ts";

export type Environment = "development" | "staging" | "production" | "test";

/** The variables of a process, or what stands for them. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

const ENVIRONMENTS: readonly Environment[] = ["development", "staging", "production", "test"];
const SHORT: Readonly<Record<string, Environment>> = {
  dev: "development",
  stage: "staging",
  prod: "production",
  testing: "test",
};

/**
 * Where the application runs: `LEX_ENV`, else `APP_ENV`, else development. A name that is not known counts as
 * development, with a warning.
 */
export function environmentOf(env: EnvironmentVariables): {
  environment: Environment;
  issues: ConfigIssue[];
} {
  const variable = env["LEX_ENV"] ? "LEX_ENV" : "APP_ENV";
  const name = env[variable]?.trim().toLowerCase();
  if (!name) return { environment: "development", issues: [] };
  const known = ENVIRONMENTS.find((one) => one === name) ?? SHORT[name];
  if (known !== undefined) return { environment: known, issues: [] };
  const near = nearest(name, [...ENVIRONMENTS, ...Object.keys(SHORT)]);
  const issue: ConfigIssue = {
    field: variable,
    message: `"${name}" is not an environment; development is assumed`,
    severity: "warning",
    suggestion: near === undefined ? `use one of ${ENVIRONMENTS.join(", ")}` : `did you mean "${near}"?`,
  };
  return { environment: "development", issues: [issue] };
}
