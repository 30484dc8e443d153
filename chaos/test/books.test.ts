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
