import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { HandlerLedger, ledgerName, ProducerLedger } from "../src/accounts/ledger.ts";
import { LedgerFolder } from "../src/accounts/ledger-folder.ts";

/** A folder that is gone after the test. */
function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "chaos-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function opened(folder: string): LedgerFolder {
  const reader = new LedgerFolder(folder);
  onTestFinished(() => reader[Symbol.dispose]());
  return reader;
}

describe("ledgers", () => {
  test("are read as they were written", () => {
    const folder = testFolder();
    using producer = new ProducerLedger(join(folder, ledgerName("producer", 1)));
    using handler = new HandlerLedger(join(folder, ledgerName("handler", 2)));
    producer.record("accepted", "a");
    producer.record("unknown", "b");
    producer.record("refused", "c");
    handler.started("a", 1);
    handler.ended("a");
    handler.settled("a");
    handler.fenced("b");

    const reader = opened(folder);
    reader.refresh();
    const { books } = reader;
    expect([...books.accepted.keys()]).toEqual(["a"]);
    expect([...books.unknown]).toEqual(["b"]);
    expect([...books.refused]).toEqual(["c"]);
    expect(books.executions).toEqual([
      {
        id: "a",
        pid: 2,
        attempt: 1,
        startedAt: expect.any(Number),
        endedAt: expect.any(Number),
        answeredAt: expect.any(Number),
      },
    ]);
    expect(books).toMatchObject({ completed: 1, waiting: 0, fenced: 1 });
  });

  test("are read while they grow, a line at a time", () => {
    const folder = testFolder();
    writeFileSync(join(folder, "producer-1.log"), "accepted a 1\naccepted b");
    writeFileSync(join(folder, "notes.txt"), "not a ledger");
    const reader = opened(folder);
    reader.refresh();
    expect(reader.books).toMatchObject({ completed: 0, waiting: 1 });

    appendFileSync(join(folder, "producer-1.log"), " 2\n");
    writeFileSync(join(folder, "handler-9.log"), "start a 1 9 3\nend a 4\n");
    reader.refresh();
    expect(reader.books).toMatchObject({ completed: 1, waiting: 1 });
    reader.refresh();
    expect(reader.books.executions).toHaveLength(1);
  });

  test("count a job as completed and not waiting whichever line is read first", () => {
    const folder = testFolder();
    writeFileSync(join(folder, "handler-9.log"), "start a 1 9 3\nend a 4\n");
    const reader = opened(folder);
    reader.refresh();
    expect(reader.books).toMatchObject({ completed: 0, waiting: 0 });
    writeFileSync(join(folder, "producer-1.log"), "accepted a 5\n");
    reader.refresh();
    expect(reader.books).toMatchObject({ completed: 1, waiting: 0 });
  });
});
