import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { now } from "../moment.ts";

/** What a producer knows of the fate of a job that it tried to enqueue. */
export type Fate = "accepted" | "unknown" | "refused";

/**
 * An append-only file of one process. A line is handed to the operating system before the call returns, so it outlives
 * a kill of the process; the machine itself does not fail in these runs.
 */
class Ledger implements Disposable {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  protected write(line: string): void {
    writeSync(this.#file, `${line} ${now()}\n`);
  }

  [Symbol.dispose](): void {
    fsyncSync(this.#file);
    closeSync(this.#file);
  }
}

/** What became of each enqueue, as its promise settled. */
export class ProducerLedger extends Ledger {
  /** It is asked for. */
  asked(id: string): void {
    this.write(`asked ${id}`);
  }

  record(fate: Fate, id: string): void {
    this.write(`${fate} ${id}`);
  }
}

/** What handlers did, each line written by the handler itself, and what the worker was told of its attempts. */
export class HandlerLedger extends Ledger {
  started(id: string, attempt: number): void {
    this.write(`start ${id} ${attempt} ${process.pid}`);
  }

  /** A poison job begins; its runs are no part of the other accounts. */
  poisoned(id: string): void {
    this.write(`poison ${id}`);
  }

  ended(id: string): void {
    this.write(`end ${id}`);
  }

  /** The store accepted the outcome of an attempt of this process. */
  settled(id: string): void {
    this.write(`settled ${id}`);
  }

  /** The lease of an attempt of this process had ended; its outcome counts for nothing. */
  fenced(id: string): void {
    this.write(`fenced ${id}`);
  }
}

const PRODUCER = /^producer-(\d+)\.log$/;
const HANDLER = /^handler-(\d+)\.log$/;

/** The name of a process's ledger in the folder of a run. */
export const ledgerName = (kind: "producer" | "handler", pid: number): string => `${kind}-${pid}.log`;

/** Whose ledger a file is; `undefined` for any other file. */
export function ledgerOwner(name: string): { kind: "producer" | "handler"; pid: number } | undefined {
  const producer = PRODUCER.exec(name);
  if (producer !== null) return { kind: "producer", pid: Number(producer[1]) };
  const handler = HANDLER.exec(name);
  return handler === null ? undefined : { kind: "handler", pid: Number(handler[1]) };
}
