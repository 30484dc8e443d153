import type { ValidationIssue } from "./errors/task-error-fields.ts";
import { TaskValidationError } from "./errors/task-errors.ts";
import { nearest } from "./nearest.ts";

/** What is wrong with a value, gathered place by place. Made for each call, so it holds nothing until there is something. */
export class Issues {
  found: ValidationIssue[] | undefined = undefined;

  /** @param path dotted path inside the value; empty for the value itself. */
  add(path: string, message: string): void {
    (this.found ??= []).push({ path, message });
  }

  /** Notes a field that nothing reads, with the known one that it may have meant. */
  unknown(path: string, field: string, known: readonly string[]): void {
    const near = nearest(field, known);
    const meant = near === undefined ? `; there is ${known.join(", ")}` : `; did you mean "${near}"?`;
    this.add(path, `is unknown${meant}`);
  }

  /** Notes every field of `value` that is not among the known ones. */
  unknownIn(value: object, known: readonly string[], prefix = ""): void {
    for (const field of Object.keys(value))
      if (!known.includes(field)) this.unknown(`${prefix}${field}`, field, known);
  }

  /** Notes a word that is none of those allowed, with the allowed one that it may have meant. */
  word(path: string, value: unknown, allowed: readonly string[]): void {
    if (allowed.includes(value as string)) return;
    const near = typeof value === "string" ? nearest(value, allowed) : undefined;
    const meant = near === undefined ? "" : `; did you mean "${near}"?`;
    this.add(path, `must be one of ${allowed.map((word) => `"${word}"`).join(", ")}${meant}`);
  }

  /**
   * @param subject names the value in the error.
   * @throws TaskValidationError when anything was noted.
   */
  refuse(subject: string): void {
    if (this.found !== undefined) throw new TaskValidationError({ subject, issues: this.found });
  }
}
