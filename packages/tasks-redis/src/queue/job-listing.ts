import { type JobQuery, type JobStatus, type Page, TaskValidationError } from "@lexigram/contracts";
import type { ViewTuple } from "./job-view.ts";
import type { QueueScripts } from "./queue-scripts.ts";

/** Letters by which scripts name where a job stands. */
export const STATUS_LETTERS: Readonly<Record<JobStatus, string>> = {
  waiting: "w",
  scheduled: "s",
  retrying: "r",
  pending: "p",
  running: "R",
  completed: "c",
  failed: "f",
  cancelled: "x",
  expired: "e",
};

/** Places that one page of a filtered listing looks at; a page may be shorter than asked for, and yet have a cursor. */
const LOOK = 5_000;

/**
 * One page of a listing, as scripts tell it.
 *
 * @throws TaskValidationError for a cursor that no page gave.
 */
export async function pageOf(
  scripts: QueueScripts,
  query: JobQuery,
  direction: "forwards" | "backwards" = "forwards",
): Promise<Page<ViewTuple>> {
  const { status, limit, task = "", key = "", cursor = "" } = query;
  if (cursor !== "" && !/^\d+:/.test(cursor))
    throw new TaskValidationError(
      { subject: "job query", issues: [{ path: "cursor", message: "was not given out by this queue" }] },
      { hint: "pass the cursor of the page before, or none for the first page" },
    );
  const letter = STATUS_LETTERS[status];
  const answer = await scripts.look("list", letter, direction, limit, task, key, cursor, LOOK);
  const [next, items] = answer as [string, ViewTuple[]];
  return next === "" ? { items } : { items, cursor: next };
}
