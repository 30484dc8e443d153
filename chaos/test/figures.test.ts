import { describe, expect, test } from "vitest";
import { type Fault, figuresOf } from "../src/accounts/figures.ts";
import { booksOf, ordinary, series } from "./books-of.ts";

const ALIVE = new Map<number, number>();
const strike = (fault: Partial<Fault> & { at: number }): Fault => ({
  struckAt: fault.at,
  reachableAt: fault.at,
  consumers: [],
  ...fault,
});

describe("figures", () => {
  test("of a quiet run are its jobs", () => {
    const books = booksOf(ordinary([...series(7, 10), ...series(8, 10)]));
    expect(figuresOf(books, [], ALIVE, 100)).toEqual({
      accepted: 20,
      completed: 20,
      lost: 0,
      duplicates: 0,
      inFlightAtFaults: 0,
      settlingAtFaults: 0,
      enqueuedAtFaults: 0,
      faults: 0,
      faultsInFlight: 0,
      resumeMs: null,
      rerunMs: null,
      unknown: 0,
      phantoms: 0,
      settledTwice: 0,
      fenced: 0,
      burned: 0,
    });
  });

  test("count an accepted job that never ended as lost, also when it started", () => {
    const books = booksOf({
      "producer-1.log": ["accepted a 1", "accepted b 2", "accepted c 3"],
      "handler-7.log": ["start a 1 7 4", "end a 5", "start b 1 7 6"],
    });
    expect(figuresOf(books, [], ALIVE, 100)).toMatchObject({ accepted: 3, completed: 1, lost: 2 });
  });

  test("never count a job as lost whose producer was not told of its fate", () => {
    const books = booksOf({ "producer-1.log": ["unknown a 1", "refused b 2"] });
    expect(figuresOf(books, [], ALIVE, 100)).toMatchObject({ accepted: 0, lost: 0, unknown: 1 });
  });

  test("count each end beyond the first of a job as a duplicate, whoever wrote it", () => {
    const books = booksOf({
      "producer-1.log": ["accepted a 1", "unknown b 1"],
      "handler-7.log": ["start a 1 7 2", "end a 3", "start b 1 7 3", "end b 4", "start b 1 7 5", "end b 6"],
      "handler-8.log": ["start a 1 8 4", "end a 5", "start a 1 8 6", "end a 7"],
    });
    expect(figuresOf(books, [], ALIVE, 100)).toMatchObject({ completed: 1, duplicates: 3 });
  });

  test("count the enqueues that were under way at a fault, and no others", () => {
    const books = booksOf({
      "producer-1.log": [
        "asked before 1",
        "accepted before 9",
        "asked within 5",
        "accepted within 30",
        "asked beside 11",
        "accepted beside 12",
        "asked after 25",
        "accepted after 26",
      ],
    });
    const faults = [strike({ at: 10, reachableAt: 20 })];
    expect(figuresOf(books, faults, ALIVE, 100)).toMatchObject({ accepted: 4, enqueuedAtFaults: 2 });
  });

  test("tell a job that ran without being accepted, and one that two attempts finished", () => {
    const books = booksOf({
      "producer-1.log": ["accepted a 1", "refused b 1"],
      "handler-7.log": ["start a 1 7 2", "end a 3", "settled a 4", "start b 1 7 5", "fenced b 6"],
      "handler-8.log": ["start a 1 8 2", "end a 3", "settled a 5"],
    });
    expect(figuresOf(books, [], ALIVE, 100)).toMatchObject({ phantoms: 1, settledTwice: 1, fenced: 1 });
  });
});

describe("in flight at a fault", () => {
  const books = () =>
    booksOf({
      "producer-1.log": ["accepted a 1", "accepted b 1", "accepted c 1"],
      "handler-7.log": ["start a 1 7 10", "end a 20", "settled a 20", "start b 1 7 30"],
      "handler-8.log": ["start c 1 8 15", "end c 40", "settled c 44"],
    });

  test.each([
    [5, 0],
    [12, 1],
    [17, 2],
    [25, 1],
    [35, 2],
    [50, 1],
  ])("at %i are %i handlers", (at, inFlight) => {
    expect(figuresOf(books(), [strike({ at })], ALIVE, 100)).toMatchObject({
      inFlightAtFaults: inFlight,
      faultsInFlight: inFlight > 0 ? 1 : 0,
    });
  });

  test("are all that were at work at any moment while it struck", () => {
    expect(figuresOf(books(), [strike({ at: 17, struckAt: 32 })], ALIVE, 100).inFlightAtFaults).toBe(3);
  });

  test("are those of the victims alone, when there are any", () => {
    expect(figuresOf(books(), [strike({ at: 17, victims: [8] })], ALIVE, 100).inFlightAtFaults).toBe(1);
  });

  test("are those as well that had ended, until the store has answered", () => {
    expect(figuresOf(books(), [strike({ at: 42 })], ALIVE, 100)).toMatchObject({
      inFlightAtFaults: 2,
      settlingAtFaults: 1,
      faultsInFlight: 1,
    });
  });

  test("are none that ended long ago, whatever became of their answer", () => {
    const quiet = booksOf({ "handler-7.log": ["start a 1 7 10", "end a 20"] });
    expect(figuresOf(quiet, [strike({ at: 1_015 })], ALIVE, 2_000).inFlightAtFaults).toBe(1);
    expect(figuresOf(quiet, [strike({ at: 1_025 })], ALIVE, 2_000).inFlightAtFaults).toBe(0);
  });

  test("are none of a process that was gone by then", () => {
    const faults = [strike({ at: 35 }), strike({ at: 50 })];
    expect(figuresOf(books(), faults, new Map([[7, 36]]), 100).inFlightAtFaults).toBe(2);
  });
});

describe("the time to resume", () => {
  test("is the longest silence of a consumer while jobs wait", () => {
    const jobs = [...series(7, 20), ...series(7, 20, 1_000)];
    const fault = strike({ at: 195, reachableAt: 400, consumers: [7] });
    expect(figuresOf(booksOf(ordinary(jobs)), [fault], ALIVE, 1_190).resumeMs).toBe(600);
  });

  test("sees a consumer that first ends what it held and then stands still", () => {
    const jobs = [...series(7, 20), ...series(7, 5, 200), ...series(7, 20, 9_000)];
    const fault = strike({ at: 195, consumers: [7] });
    expect(figuresOf(booksOf(ordinary(jobs)), [fault], ALIVE, 9_190).resumeMs).toBe(8_760);
  });

  test("sees one of two consumers that does not come back", () => {
    const jobs = [...series(7, 300), ...series(8, 20)];
    const fault = strike({ at: 195, consumers: [7, 8] });
    expect(figuresOf(booksOf(ordinary(jobs)), [fault], ALIVE, 2_990).resumeMs).toBe(2_795);
  });

  test("leaves out the time in which no job waits", () => {
    const files = ordinary(series(7, 20));
    files["producer-1.log"]?.push("accepted late 5000");
    files["handler-7.log"]?.push("start late 1 7 5003", "end late 5004");
    const fault = strike({ at: 100, consumers: [7] });
    expect(figuresOf(booksOf(files), [fault], ALIVE, 6_000).resumeMs).toBe(10);
  });

  test("asks nothing of a consumer that dies before the next fault", () => {
    const jobs = [...series(7, 300), ...series(8, 20)];
    const faults = [strike({ at: 195, consumers: [7, 8] }), strike({ at: 400, consumers: [7] })];
    const deaths = new Map([[8, 210]]);
    expect(figuresOf(booksOf(ordinary(jobs)), faults, deaths, 2_990).resumeMs).toBe(10);
  });
});

test("the time to run again is from the kill to the next start of a job that was cut off", () => {
  const books = booksOf({
    "producer-1.log": ["accepted a 1", "accepted b 1"],
    "handler-7.log": ["start a 1 7 10", "start b 1 7 11", "end b 12"],
    "handler-8.log": ["start a 1 8 515", "end a 520"],
  });
  const faults = [strike({ at: 15, victims: [7], consumers: [8] })];
  expect(figuresOf(books, faults, new Map([[7, 16]]), 100).rerunMs).toBe(500);
});

test("burned are the runs that cost an attempt", () => {
  const books = booksOf({ "handler-7.log": ["start a 1 7 5", "start b 2 7 6"] });
  expect(figuresOf(books, [], new Map(), 100)).toMatchObject({ burned: 1 });
});
