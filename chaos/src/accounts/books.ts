/** One run of a handler, from its own ledger. */
export interface Execution {
  readonly id: string;
  readonly pid: number;
  readonly startedAt: number;
  /** Absent: it never got to its end. */
  endedAt?: number;
}

const add = (counts: Map<string, number>, id: string): void => {
  counts.set(id, (counts.get(id) ?? 0) + 1);
};

/** All that producers and handlers wrote down, by job. Knows nothing of the store. */
export class Books {
  /** When each accepted job's enqueue resolved. */
  readonly accepted = new Map<string, number>();
  /** Jobs that may or may not have been stored: their producer was not told. */
  readonly unknown = new Set<string>();
  readonly refused = new Set<string>();
  /** The first start of each job. */
  readonly firstStart = new Map<string, number>();
  /** How often each job's handler got to its end. */
  readonly ends = new Map<string, number>();
  /** How often a worker was told that the store accepted its outcome of this job. */
  readonly settlements = new Map<string, number>();
  readonly executions: Execution[] = [];
  /** The last start of each process. */
  readonly lastStart = new Map<number, number>();
  /** Accepted jobs that ended at least once. */
  completed = 0;
  /** Accepted jobs that have not started yet. */
  waiting = 0;
  /** Attempts whose outcome was refused because their lease had ended. */
  fenced = 0;
  readonly #open = new Map<number, Map<string, Execution[]>>();

  /** @throws Error for a line that no producer writes. */
  addProducerLine(line: string): void {
    const [fate, id, at] = line.split(" ");
    if (id === undefined || !Number.isFinite(Number(at))) throw unreadable(line);
    switch (fate) {
      case "accepted":
        this.accepted.set(id, Number(at));
        if (this.ends.has(id)) this.completed++;
        if (!this.firstStart.has(id)) this.waiting++;
        return;
      case "unknown":
        this.unknown.add(id);
        return;
      case "refused":
        this.refused.add(id);
        return;
      default:
        throw unreadable(line);
    }
  }

  /** @throws Error for a line that no handler writes, or an end without its start. */
  addHandlerLine(line: string, pid: number): void {
    const fields = line.split(" ");
    const [event, id] = fields;
    const at = Number(fields.at(-1));
    if (id === undefined || !Number.isFinite(at)) throw unreadable(line);
    switch (event) {
      case "start":
        this.#start({ id, pid, startedAt: at });
        return;
      case "end":
        this.#end(id, pid, at, line);
        return;
      case "settled":
        add(this.settlements, id);
        return;
      case "fenced":
        this.fenced++;
        return;
      default:
        throw unreadable(line);
    }
  }

  #start(execution: Execution): void {
    const { id, pid, startedAt } = execution;
    this.executions.push(execution);
    this.lastStart.set(pid, startedAt);
    const first = this.firstStart.get(id);
    if (first === undefined && this.accepted.has(id)) this.waiting--;
    if (first === undefined || startedAt < first) this.firstStart.set(id, startedAt);
    let ofProcess = this.#open.get(pid);
    if (ofProcess === undefined) this.#open.set(pid, (ofProcess = new Map<string, Execution[]>()));
    const ofJob = ofProcess.get(id);
    if (ofJob === undefined) ofProcess.set(id, [execution]);
    else ofJob.push(execution);
  }

  #end(id: string, pid: number, at: number, line: string): void {
    const ofProcess = this.#open.get(pid);
    const [execution, ...others] = ofProcess?.get(id) ?? [];
    if (ofProcess === undefined || execution === undefined) throw unreadable(line);
    execution.endedAt = at;
    if (others.length > 0) ofProcess.set(id, others);
    else ofProcess.delete(id);
    if (!this.ends.has(id) && this.accepted.has(id)) this.completed++;
    add(this.ends, id);
  }
}

const unreadable = (line: string): Error => new Error(`a ledger cannot be read: "${line}"`);
