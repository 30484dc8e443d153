/** How urgent a job is: a whole number from 0 to 20, higher first, first in first out inside a level. */
export type Priority = number;

/** The named levels. */
export const Priority = { LOW: 0, NORMAL: 5, HIGH: 10, CRITICAL: 20 } as const;

export const MIN_PRIORITY = 0;
export const MAX_PRIORITY = 20;

/** Whether a value is a priority. */
export function isPriority(value: unknown): value is Priority {
  return Number.isInteger(value) && (value as number) >= MIN_PRIORITY && (value as number) <= MAX_PRIORITY;
}
