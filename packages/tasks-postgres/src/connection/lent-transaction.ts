import { type Clock, resending } from "@lexigram/contracts";
import type { Database, RunOptions } from "./database.ts";
import type { Deadlines } from "./deadlines.ts";
import { begin, type ClientPool, commit, execute, type TakenClient } from "./pg-clients.ts";
import { fateOf, LateError, LinkError, shownError, unavailable } from "./refusals.ts";
import { Statement } from "./statement.ts";

/** What a transaction is lent from. */
export interface Lender extends Pick<Database, "run"> {
  readonly pool: ClientPool;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Called when a connection was asked and did not answer in time. */
  readonly distrust: () => void;
  /** Is waited for when the connections are closed. */
  readonly awaited: <T>(what: Promise<T>) => Promise<T>;
}

/** What became of a commit. */
interface Commit {
  /** Of the connection that was to commit, when it did not hear of it. */
  readonly lost?: unknown;
}

// A session that waits for a COMMIT which is lost on its way would wait for long, and hold what it has locked.
const FATE = new Statement(`SELECT pg_xact_status($1::xid8) AS fate, (SELECT count(pg_terminate_backend(pid))
  FROM pg_stat_activity WHERE backend_xid = $1::xid8::xid AND state = 'idle in transaction') AS ended`);

const ABORTED = "the transaction was rolled back by the server";
const UNKNOWN = "the transaction may have been committed: look for what it wrote before you do it again";

/** Lends a connection of a pool, in a transaction; see {@link Database.lend}. */
export async function lendTransaction<T>(
  lender: Lender,
  options: Required<RunOptions>,
  work: (client: TakenClient) => Promise<T>,
): Promise<T> {
  const { pool, deadlines, awaited } = lender;
  const { subject, timeoutMs } = options;
  const inTime = <R>(what: Promise<R>): Promise<R> =>
    deadlines.limit(timeoutMs, what, () => new LateError(true));
  const client = await taken(lender, options);
  let id: string;
  try {
    id = await inTime(begin(client));
  } catch (error) {
    pool.release(client, true);
    if (error instanceof LateError) lender.distrust();
    throw refusal(subject, error);
  }
  let value: T;
  try {
    value = await work(client);
  } catch (error) {
    await awaited(
      inTime(execute(client, "ROLLBACK")).then(
        () => pool.release(client, false),
        () => pool.release(client, true),
      ),
    );
    throw error;
  }
  const ending = committed(lender, client, subject, inTime(commit(client)));
  await awaited(
    ending.then(async ({ lost }) => {
      if (lost !== undefined) await lookedFor(lender, options, id, lost);
    }),
  );
  return value;
}

/** A connection, if one is free in time. */
async function taken(
  { pool, deadlines }: Lender,
  { subject, timeoutMs }: Required<RunOptions>,
): Promise<TakenClient> {
  let over = false;
  const taking = pool.take().then((client) => {
    if (over) pool.release(client, false);
    return client;
  });
  try {
    return await deadlines.limit(timeoutMs, taking, () => new LateError(false));
  } catch (error) {
    over = true;
    throw refusal(subject, error);
  }
}

/** What stands against a transaction that has not begun. */
function refusal(subject: string, error: unknown): Error {
  const fate = fateOf(error, false);
  return fate === undefined ? shownError(error) : unavailable(subject, fate, error);
}

/**
 * Waits for the commit and gives the connection back.
 *
 * @throws when the server has refused it.
 */
async function committed(
  { pool, distrust }: Lender,
  client: TakenClient,
  subject: string,
  answer: Promise<boolean>,
): Promise<Commit> {
  let broken = false;
  try {
    if (await answer) return {};
    throw unavailable(subject, { accepted: "no", retryable: true }, new Error(ABORTED));
  } catch (error) {
    const fate = fateOf(error, true);
    broken = fate !== undefined && fate.leave !== "nothing";
    if (error instanceof LateError) distrust();
    if (fate?.accepted === "unknown") return { lost: error };
    throw fate === undefined ? shownError(error) : unavailable(subject, fate, error);
  } finally {
    pool.release(client, broken);
  }
}

/**
 * Asks another connection what became of a transaction.
 *
 * @param lost why its own connection does not know.
 * @throws QueueUnavailableError unless it was committed.
 */
async function lookedFor(
  { run, clock }: Lender,
  { subject, timeoutMs }: Required<RunOptions>,
  id: string,
  lost: unknown,
): Promise<void> {
  // Enough for a first look that finds nothing but silence.
  const longMs = 2 * timeoutMs;
  const unknown = unavailable(subject, { accepted: "unknown", retryable: true }, lost, UNKNOWN);
  let fate: unknown;
  try {
    fate = await resending(
      async () => {
        const [row] = await run(FATE, [id], { subject, timeoutMs });
        if (row?.["fate"] === "in progress") throw unknown;
        return row?.["fate"];
      },
      { clock, timeoutMs: longMs, giveUp: () => unknown },
    );
  } catch {
    throw unknown;
  }
  if (fate === "committed") return;
  throw fate === "aborted"
    ? unavailable(subject, { accepted: "no", retryable: true }, new LinkError(lost))
    : unknown;
}
