import { Books } from "../src/accounts/books.ts";
import { ledgerOwner } from "../src/accounts/ledger.ts";

/** What crafted ledgers say: a file's name, and its lines. */
export function booksOf(files: Readonly<Record<string, readonly string[]>>): Books {
  const books = new Books();
  for (const [name, lines] of Object.entries(files)) {
    const owner = ledgerOwner(name);
    for (const line of lines)
      if (owner?.kind === "producer") books.addProducerLine(line);
      else books.addHandlerLine(line, owner?.pid ?? 0);
  }
  return books;
}

interface Job {
  readonly id: string;
  readonly acceptedAt: number;
  readonly startedAt: number;
  readonly pid: number;
}

/** Ledgers of a run in which each job was accepted, ran for 10 ms and was settled once. */
export function ordinary(jobs: readonly Job[]): Record<string, string[]> {
  const files: Record<string, string[]> = { "producer-1.log": [] };
  for (const { id, acceptedAt, startedAt, pid } of jobs) {
    files["producer-1.log"]?.push(`accepted ${id} ${acceptedAt}`);
    (files[`handler-${pid}.log`] ??= []).push(
      `start ${id} 1 ${pid} ${startedAt}`,
      `end ${id} ${startedAt + 10}`,
      `settled ${id} ${startedAt + 12}`,
    );
  }
  return files;
}

/** Jobs that one process starts one after the other, ten milliseconds apart, all accepted before. */
export function series(pid: number, count: number, from = 0): readonly Job[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${pid}-${from + i * 10}`,
    acceptedAt: 0,
    startedAt: from + i * 10,
    pid,
  }));
}
