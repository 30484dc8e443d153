import type { JobId, JsonValue, Receipt, StateEntry, StateStoreProtocol } from "@lexigram/contracts";
import type { IndexKeys } from "../job-index/index-keys.ts";

/** That a job is held by the record of it in the index, and for whom. */
export interface LeaseRecord {
  readonly id: JobId;
  readonly receipt: Receipt;
  readonly version: number;
}

type Written = Pick<LeaseRecord, "id" | "receipt">;

/** What came of putting a record: it, or another that is there. */
export interface Put {
  readonly record?: LeaseRecord;
  readonly there?: LeaseRecord;
}

/** What one look at the records has found. */
export interface LeasePage {
  /** Those whose lease is over. */
  readonly ended: readonly LeaseRecord[];
  /** Where the next look goes on; absent: at the beginning. */
  readonly cursor?: string;
}

/** For how long a record stays behind its lease: ten years, which stands for ever. Milliseconds. */
const STAYS_MS = 10 * 365 * 24 * 3_600_000;
/** Records that one look reads at most. */
const PAGE = 500;

/**
 * The leases of deliveries that were acknowledged before their attempt ended, one small entry each, under the id of the job.
 * What is left of an entry's time tells whether its lease is over, so that the store's clock alone judges.
 */
export class LeaseRecords {
  readonly #state: StateStoreProtocol;
  readonly #keys: IndexKeys;

  constructor(state: StateStoreProtocol, keys: IndexKeys) {
    this.#state = state;
    this.#keys = keys;
  }

  /**
   * @param over in whose place it is put; absent: there must be none.
   * @returns it as it is now, or what is there instead.
   */
  async put({ id, receipt }: Written, leaseMs: number, over?: LeaseRecord): Promise<Put> {
    const put = await this.#state.put(this.#keys.lease(id), { id, receipt } satisfies JsonValue, {
      ttlMs: leaseMs + STAYS_MS,
      ...(over === undefined ? { ifAbsent: true } : { ifVersion: over.version }),
    });
    if (put.stored) return { record: { id, receipt, version: put.version } };
    return put.current === undefined ? {} : { there: recordOf(put.current) };
  }

  /** Takes a lease over, so that nobody else renews it or takes it over. @returns nothing when somebody has it. */
  async take(lease: LeaseRecord, leaseMs: number): Promise<LeaseRecord | undefined> {
    return (await this.put(lease, leaseMs, lease)).record;
  }

  /** @returns whether it is held still. */
  renew({ id, version }: LeaseRecord, leaseMs: number): Promise<boolean> {
    return this.#state.touch(this.#keys.lease(id), { ttlMs: leaseMs + STAYS_MS, ifVersion: version });
  }

  /** The job is held by nothing but what else there is of it. */
  async forget({ id, version }: LeaseRecord): Promise<void> {
    await this.#state.delete(this.#keys.lease(id), { ifVersion: version });
  }

  /** One look, at a bounded number of records. */
  async look(cursor: string | undefined): Promise<LeasePage> {
    const page = await this.#state.list(this.#keys.leases, {
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const ended = page.items.filter(({ expiresInMs = Infinity }) => expiresInMs <= STAYS_MS).map(recordOf);
    return page.cursor === undefined ? { ended } : { ended, cursor: page.cursor };
  }
}

function recordOf({ value, version }: StateEntry): LeaseRecord {
  return { ...(value as unknown as Written), version };
}
