import type { DeadLetter, DeadLetterReason, TaskQueueProtocol } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import type { PoisonKind } from "../src/processes/chaos-app.ts";
import { wrongWith } from "../src/scenarios/poison.ts";
import { booksOf } from "./books-of.ts";

interface Seen {
  readonly letters?: Readonly<Record<string, DeadLetterReason>>;
  readonly died?: readonly number[];
}

/** What is wrong with a run whose two workers, 7 and 8, wrote this down. */
function wrong(
  kind: PoisonKind,
  lines: readonly string[],
  { letters = { p: "poison" }, died = [] }: Seen = {},
) {
  const get = (id: string): Promise<DeadLetter | undefined> => {
    const reason = letters[id];
    return Promise.resolve(reason === undefined ? undefined : ({ reason } as DeadLetter));
  };
  return wrongWith(new Map([["p", kind]]), {
    books: booksOf({ "handler-7.log": lines }),
    deaths: new Map([...died, 8].map((pid) => [pid, 9])),
    dismissed: new Set([8]),
    queue: { deadLetters: { get } } as unknown as TaskQueueProtocol,
  });
}

const runs = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `poison p ${i}`);

describe("poison", () => {
  test("that was put aside in time is as it must be", async () => {
    expect(await wrong("exit", runs(3), { died: [7] })).toEqual([]);
    expect(await wrong("throw", runs(2), { letters: { p: "failed" } })).toEqual([]);
  });

  test.each<[string, PoisonKind, number, Seen]>([
    ["p ran 4 times, more than 3", "loop", 4, {}],
    ["p ran 3 times, more than 2", "result", 3, { letters: { p: "failed" } }],
    ["p never ran", "exit", 0, {}],
    ["p is no dead letter instead of poison", "memory", 1, { letters: {} }],
    ["p is failed instead of poison", "memory", 1, { letters: { p: "failed" } }],
    ["a worker ended that ran no poison", "exit", 1, { died: [6] }],
  ])("is told of when %s", async (words, kind, count, seen) => {
    expect(await wrong(kind, runs(count), seen)).toEqual([words]);
  });
});
