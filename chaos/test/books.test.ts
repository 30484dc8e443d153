import { describe, expect, test } from "vitest";
import { booksOf } from "./books-of.ts";

describe("the books", () => {
  test("pair the ends of a job that one process runs twice with its starts, in order", () => {
    const books = booksOf({
      "handler-9.log": ["start a 1 9 1", "start a 1 9 2", "end a 3", "end a 4"],
    });
    expect(books.executions.map(({ startedAt, endedAt }) => [startedAt, endedAt])).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  test("give an answer of the store to the run that waits for one, and count who is at work", () => {
    const books = booksOf({
      "handler-9.log": [
        "fenced z 1",
        "start a 1 9 1",
        "fenced a 2",
        "start a 1 9 3",
        "end a 4",
        "settled a 5",
      ],
      "handler-8.log": ["start a 1 8 2"],
    });
    expect(books.executions.map(({ answeredAt }) => answeredAt)).toEqual([2, 5, undefined]);
    expect([...books.atWork]).toEqual([
      [9, 1],
      [8, 1],
    ]);
  });

  test.each([
    ["producer-1.log", "vanished a 1"],
    ["producer-1.log", "accepted a"],
    ["handler-1.log", "end a 1"],
    ["handler-1.log", "began a 1"],
    ["handler-1.log", "start"],
  ])("in %s refuse the line %j", (name, line) => {
    expect(() => booksOf({ [name]: [line] })).toThrow(`a ledger cannot be read: "${line}"`);
  });
});
