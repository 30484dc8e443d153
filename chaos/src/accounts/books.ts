/** One run of a handler, from its own ledger. */
export interface Execution {
  readonly id: string;
  readonly pid: number;
  /** Which attempt the store said it was. */
  readonly attempt: number;
  readonly startedAt: number;
  /** Absent: it never got to its end. */
  endedAt?: number;
  /** When its process was told what the store said of its outcome. Absent: it never was. */
  answeredAt?: number;
}

const add = (counts: Map<string, number>, id: string): void => {
  counts.set(id, (counts.get(id) ?? 0) + 1);
};

/** One run of a poison job. */
export interface Poisoning {
  readonly pid: number;
  readonly at: number;
}

/** All that producers and handlers wrote down, by job. Knows nothing of the store. */
export class Books {
  /** When each accepted job's enqueue resolved. */
  readonly accepted = new Map<string, number>();
  /** When each job was asked for. */
  readonly asked = new Map<string, number>();
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
  /** The runs of each poison job, which are no part of the rest. */
  readonly poisonings = new Map<string, Poisoning[]>();
  /** Handlers at work in each process. */
  readonly atWork = new Map<number, number>();
  /** Runs that have not ended, and runs without an answer, by process and job. */
  readonly #open = new Map<string, Execution[]>();
  readonly #unanswered = new Map<string, Execution[]>();

  /** @throws Error for a line that no producer writes. */
  addProducerLine(line: string): void {
    const [fate, id, at] = line.split(" ");
    if (id === undefined || !Number.isFinite(Number(at))) throw unreadable(line);
    switch (fate) {
      case "asked":
        this.asked.set(id, Number(at));
        return;
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
        this.#start({ id, pid, attempt: Number(fields[2]), startedAt: at });
        return;
      case "poison":
        this.#poison(id, { pid, at });
        return;
      case "end":
        this.#end(id, pid, at, line);
        return;
      case "settled":
        add(this.settlements, id);
        this.#answer(id, pid, at);
        return;
      case "fenced":
        this.fenced++;
        this.#answer(id, pid, at);
        return;
      default:
        throw unreadable(line);
    }
  }

  #poison(id: string, run: Poisoning): void {
    const runs = this.poisonings.get(id);
    if (runs === undefined) this.poisonings.set(id, [run]);
    else runs.push(run);
  }

  #start(execution: Execution): void {
    const { id, pid, startedAt } = execution;
    this.executions.push(execution);
    this.lastStart.set(pid, startedAt);
    const first = this.firstStart.get(id);
    if (first === undefined && this.accepted.has(id)) this.waiting--;
    if (first === undefined || startedAt < first) this.firstStart.set(id, startedAt);
    this.atWork.set(pid, (this.atWork.get(pid) ?? 0) + 1);
    for (const runs of [this.#open, this.#unanswered]) {
      const ofJob = runs.get(runKey(id, pid));
      if (ofJob === undefined) runs.set(runKey(id, pid), [execution]);
      else ofJob.push(execution);
    }
  }

  #end(id: string, pid: number, at: number, line: string): void {
    const execution = takeFirst(this.#open, runKey(id, pid));
    if (execution === undefined) throw unreadable(line);
    execution.endedAt = at;
    this.atWork.set(pid, (this.atWork.get(pid) ?? 0) - 1);
    if (!this.ends.has(id) && this.accepted.has(id)) this.completed++;
    add(this.ends, id);
  }

  #answer(id: string, pid: number, at: number): void {
    const execution = takeFirst(this.#unanswered, runKey(id, pid));
    // A delivery that never ran can lose its lease too.
    if (execution !== undefined) execution.answeredAt = at;
  }
}

const runKey = (id: string, pid: number): string => `${pid} ${id}`;

/** Takes the oldest run under a key out. */
function takeFirst(runs: Map<string, Execution[]>, key: string): Execution | undefined {
  const [first, ...others] = runs.get(key) ?? [];
  if (others.length > 0) runs.set(key, others);
  else runs.delete(key);
  return first;
}

const unreadable = (line: string): Error => new Error(`a ledger cannot be read: "${line}"`);
