import { JOB_STATES, LEGAL_MOVES, TransitionNotAllowedError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { JobEntry } from "../../src/memory/job-entry.ts";
import { StatusBook } from "../../src/memory/status-book.ts";
import { statusCode } from "../../src/memory/status-code.ts";
import { job } from "./jobs.ts";

describe("the place where jobs change their status", () => {
  test.each(JOB_STATES.flatMap((from) => JOB_STATES.map((to) => ({ from, to }))))(
    "allows $from to $to only if the table of moves does",
    ({ from, to }) => {
      const book = new StatusBook();
      const entry = new JobEntry(job({ id: "a" }), {}, 0, 1);
      book.enter(entry, statusCode(from));
      const move = (): void => book.move(entry, statusCode(to));
      if (!LEGAL_MOVES[from].includes(to)) expect(move).toThrow(TransitionNotAllowedError);
      else {
        move();
        expect(book.of(statusCode(to)).first).toBe(entry);
        expect(from === to ? 0 : book.of(statusCode(from)).size).toBe(0);
      }
    },
  );
});
