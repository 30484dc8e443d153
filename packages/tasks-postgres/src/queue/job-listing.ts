import { type JobQuery, type Page, TaskValidationError } from "@lexigram/contracts";
import { toOrderedText } from "../connection/ordered-text.ts";
import { STATUS_LETTERS, type ViewRow, viewRowOf } from "./job-view.ts";
import type { QueueCalls } from "./queue-calls.ts";

/** Places that one page of a filtered listing looks at; a page may be shorter than asked for, and yet have a cursor. */
const LOOK = 5_000;

const whole = (value: unknown): boolean => Number.isSafeInteger(value);
const text = (value: unknown): boolean => typeof value === "string";
const flag = (value: unknown): boolean => typeof value === "boolean";

/** What follows the letter of a cursor, by that letter. */
const CURSORS: Readonly<Record<string, readonly ((value: unknown) => boolean)[]>> = {
  f: [whole, whole],
  l: [flag, text, text, whole, whole],
  i: [text],
  s: [whole],
};
/** Letters of the cursors of a status; those of all others are of stamps. */
const LETTERS: Readonly<Record<string, string>> = { p: "fl", R: "i", s: "i", r: "i" };

/** @throws TaskValidationError for a cursor that no page of that status gave. */
function checkedCursor(cursor: string | undefined, status: string): string | null {
  if (cursor === undefined) return null;
  try {
    const [letter, ...rest] = JSON.parse(cursor) as unknown[];
    const rules = CURSORS[String(letter)];
    const isOfStatus = (LETTERS[status] ?? "s").includes(String(letter));
    if (isOfStatus && rules?.length === rest.length && rules.every((rule, i) => rule(rest[i]))) return cursor;
  } catch {
    // It is no text of ours.
  }
  throw new TaskValidationError(
    { subject: "job query", issues: [{ path: "cursor", message: "was not given out by this queue" }] },
    { hint: "pass the cursor of the page before, or none for the first page" },
  );
}

/**
 * One page of a listing.
 *
 * @throws TaskValidationError for a cursor that no page gave.
 */
export async function pageOf(
  calls: QueueCalls,
  query: JobQuery,
  direction: "forwards" | "backwards" = "forwards",
): Promise<Page<ViewRow>> {
  const { limit, task, key } = query;
  const status = STATUS_LETTERS[query.status];
  const rows = await calls.rows(
    "list",
    status,
    direction === "backwards",
    limit,
    task === undefined ? null : toOrderedText(task),
    key === undefined ? null : toOrderedText(key),
    checkedCursor(query.cursor, status),
    LOOK,
  );
  const items = rows.flatMap(({ job }) => viewRowOf(job) ?? []);
  const at = rows.at(-1)?.["at"];
  return typeof at === "string" ? { items, cursor: at } : { items };
}
