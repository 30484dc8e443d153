import { types } from "node:util";
import { refuseUnless } from "@lexigram/contracts";

/** An instant as the API shows it. */
export function dateOf(instant: number): Date;
export function dateOf(instant: number | undefined): Date | undefined;
export function dateOf(instant: number | undefined): Date | undefined {
  return instant === undefined ? undefined : new Date(instant);
}

/**
 * An instant as it is counted.
 *
 * @throws TaskValidationError for what is no valid Date.
 */
export function instantOf(subject: string, path: string, date: Date): number {
  const instant = types.isDate(date) ? date.getTime() : Number.NaN;
  refuseUnless(!Number.isNaN(instant), subject, path, "must be a valid Date");
  return instant;
}

/** For messages and headers. */
export function isoOf(instant: number): string {
  return new Date(instant).toISOString();
}
