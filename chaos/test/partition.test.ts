import { describe, expect, test } from "vitest";
import { stoodStill } from "../src/scenarios/partition.ts";
import { booksOf } from "./books-of.ts";

const cut = { from: 100, to: 200, others: [7] };

describe("a partition", () => {
  test("leaves the others at work", () => {
    expect(stoodStill([cut], booksOf({ "handler-7.log": ["start a 1 7 160"] }))).toEqual([]);
  });

  test.each([
    [7, 140],
    [7, 210],
    [8, 160],
  ])("is told of when nobody but %i, at %i, started anything", (pid, at) => {
    expect(stoodStill([cut], booksOf({ [`handler-${pid}.log`]: [`start a 1 ${pid} ${at}`] }))).toEqual([
      "a worker stood still while another one was cut off",
    ]);
  });
});
