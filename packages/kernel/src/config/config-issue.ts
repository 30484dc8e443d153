export type IssueSeverity = "error" | "warning";

/** Something about configuration that the person who runs the application should know. Never holds a value. */
export interface ConfigIssue {
  /** Dotted path, such as `tasks.backends.0.name`. */
  readonly field: string;
  readonly message: string;
  /** An `error` stops a production boot; a `warning` is logged. */
  readonly severity: IssueSeverity;
  readonly suggestion?: string;
}

/** An issue in one line. */
export function formatIssue({ field, message, suggestion }: ConfigIssue): string {
  return `${field}: ${message}${suggestion === undefined ? "" : ` (${suggestion})`}`;
}
