import { type DeadLetterQueueProtocol, type Page, TaskValidationError } from "@lexigram/contracts";
import { FailureRecord } from "./failure-record.ts";

/** One queue's dead letters under the queue's name. */
export interface NamedLetters {
  readonly name: string;
  readonly letters: DeadLetterQueueProtocol;
}

/** Where a listing stands in one queue. */
interface Position {
  readonly cursor?: string;
}

/** By queue; none for a queue that is read to its end. */
type Positions = Readonly<Record<string, Position>>;

interface ListOptions {
  readonly task: string | undefined;
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** The dead letters of several queues as one listing, newest first. */
export async function listMerged(
  sources: readonly NamedLetters[],
  options: ListOptions,
): Promise<Page<FailureRecord>> {
  const [only] = sources;
  if (only === undefined) return { items: [] };
  if (sources.length === 1) return readPage(only, options.cursor, options);
  const positions = options.cursor === undefined ? undefined : parse(options.cursor);
  const open = sources.filter(({ name }) => positions === undefined || Object.hasOwn(positions, name));
  const pages = await Promise.all(
    open.map(async (source) => {
      const cursor = positions?.[source.name]?.cursor;
      return { source, cursor, page: await readPage(source, cursor, options) };
    }),
  );
  const all = pages.flatMap(({ page }) => page.items).toSorted((a, b) => b.failedAt - a.failedAt);
  const items = all.slice(0, options.limit);
  const taken = new Set(items);
  const next: Record<string, Position> = {};
  for (const { source, cursor, page } of pages) {
    const used = page.items.filter((item) => taken.has(item));
    if (used.length === page.items.length) {
      if (page.cursor !== undefined) next[source.name] = { cursor: page.cursor };
      continue;
    }
    const position = await positionAfter(source, cursor, used, options);
    if (position !== undefined) next[source.name] = position;
  }
  if (Object.keys(next).length === 0) return { items };
  return { items, cursor: Buffer.from(JSON.stringify(next)).toString("base64url") };
}

/**
 * Where to read on behind the entries that were used of a page; `undefined` at the end. Only the queue can tell, by
 * reading them again; those that were removed meanwhile must not let the position run past others.
 */
async function positionAfter(
  source: NamedLetters,
  cursor: string | undefined,
  used: readonly FailureRecord[],
  options: ListOptions,
): Promise<Position | undefined> {
  const ids = new Set(used.map((record) => record.job.id));
  let limit = used.length;
  while (limit > 0) {
    const page = await readPage(source, cursor, { ...options, limit });
    const strangers = page.items.filter((record) => !ids.has(record.job.id)).length;
    if (strangers === 0) return page.cursor === undefined ? undefined : { cursor: page.cursor };
    limit -= strangers;
  }
  return cursor === undefined ? {} : { cursor };
}

async function readPage(
  { name, letters }: NamedLetters,
  cursor: string | undefined,
  { task, limit }: { readonly task: string | undefined; readonly limit: number },
): Promise<Page<FailureRecord>> {
  const page = await letters.list({
    limit,
    ...(task === undefined ? {} : { task }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  return { ...page, items: page.items.map((letter) => FailureRecord.of(name, letter)) };
}

function parse(cursor: string): Positions {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (typeof value === "object" && value !== null) return value as Positions;
  } catch {
    // Refused below, like any other text that is no cursor of this listing.
  }
  const message = "is not a cursor of this listing";
  throw new TaskValidationError({
    subject: "a listing of dead letters",
    issues: [{ path: "cursor", message }],
  });
}
