import { type ConfigIssue, formatIssue } from "../config/config-issue.ts";
import { KernelError, type KernelErrorFields } from "./kernel-error.ts";

const listed = (issues: readonly ConfigIssue[]): string =>
  issues.map((issue) => `\n  - ${formatIssue(issue)}`).join("");

/** Configuration holds unknown keys or values of the wrong type; all of them are listed. */
export class ConfigInvalidError extends KernelError<"LEX_ERR_CONFIG_INVALID"> {
  readonly code = "LEX_ERR_CONFIG_INVALID";
  constructor(fields: KernelErrorFields["LEX_ERR_CONFIG_INVALID"]) {
    super(`configuration is not valid:${listed(fields.issues)}`, fields, {
      hint: "correct what is listed; each line says where the value came from",
    });
  }
}

/** Configuration is valid and not acceptable in production; all issues are listed. */
export class ConfigRefusedError extends KernelError<"LEX_ERR_CONFIG_REFUSED"> {
  readonly code = "LEX_ERR_CONFIG_REFUSED";
  constructor(fields: KernelErrorFields["LEX_ERR_CONFIG_REFUSED"]) {
    super(`configuration is refused in ${fields.environment}:${listed(fields.issues)}`, fields, {
      hint: "follow the suggestions, or set LEX_ENV to another environment",
    });
  }
}

/** A configuration file cannot be read. */
export class ConfigFileError extends KernelError<"LEX_ERR_CONFIG_FILE"> {
  readonly code = "LEX_ERR_CONFIG_FILE";
  constructor(fields: KernelErrorFields["LEX_ERR_CONFIG_FILE"], cause?: unknown) {
    super(`configuration file ${fields.file}: ${fields.reason}`, fields, {
      cause,
      hint: "correct the file, or name another one in configFile",
    });
  }
}

/** A configuration file names an environment variable that is not set. */
export class ConfigVariableError extends KernelError<"LEX_ERR_CONFIG_VARIABLE"> {
  readonly code = "LEX_ERR_CONFIG_VARIABLE";
  constructor(fields: KernelErrorFields["LEX_ERR_CONFIG_VARIABLE"]) {
    super(
      `configuration file ${fields.file}: ${fields.path} needs the environment variable ${fields.variable}, which is not set`,
      fields,
      { hint: `set ${fields.variable}, or give a default: \${${fields.variable}:default}` },
    );
  }
}
