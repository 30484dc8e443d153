import { ManualClock } from "@lexigram/conformance";
import { ClosedError, type JobOutcome, ResultUnavailableError } from "@lexigram/contracts";
import type { Channel, Message } from "amqplib";
import { describe, expect, test } from "vitest";
import { LARGEST_REPLY, outcomeMessage, outcomePart } from "../../src/queue/outcome-message.ts";
import { Replies } from "../../src/queue/replies.ts";

const WITHIN_MS = 1_000;

function channel() {
  const made = { closed: false, close: async () => void (made.closed = true) };
  return made as unknown as Channel & { closed: boolean };
}

const message = (...outcomes: readonly JobOutcome[]): Message => {
  const { content, options } = outcomeMessage(outcomes.map(outcomePart));
  return { content, properties: options, fields: {} } as unknown as Message;
};

const done = (id: string, data = "1"): Message =>
  message({ id, status: "completed", attempt: 1, result: { data, encoding: "json" } });

function replies() {
  const clock = new ManualClock();
  const book = new Replies({ queue: "mail", clock, withinMs: WITHIN_MS });
  const standing = async (id: string): Promise<string> => {
    const [outcome] = await book.read([id]);
    if (outcome === undefined) return "awaited";
    return outcome instanceof ResultUnavailableError ? "unavailable" : outcome.status;
  };
  return { clock, book, standing };
}

describe("outcomes that come back", () => {
  test("are awaited, come once, and stay for who asks later", async () => {
    const { book, standing } = replies();
    book.sent("a", 0, channel());
    expect([await standing("a"), await standing("b")]).toEqual(["awaited", "unavailable"]);
    const heard = book.onReply(["a"], new AbortController().signal)[Symbol.asyncIterator]();
    book.arrived(done("a", "0"));
    expect(await heard.next()).toEqual({ done: false, value: "a" });
    book.arrived(message({ id: "a", status: "failed", attempt: 1, error: { name: "E", message: "late" } }));
    book.arrived(done("b"));
    expect(await book.read(["a"])).toEqual([
      { id: "a", status: "completed", attempt: 1, result: { data: "0", encoding: "json" } },
    ]);
    expect(await standing("b")).toBe("unavailable");
  });

  test("keep bodies as they are: bytes, empty texts, texts that have no UTF-8, and errors", async () => {
    const { book } = replies();
    const outcomes: JobOutcome[] = [
      { id: "a", status: "completed", attempt: 2, result: { data: "", encoding: "text" } },
      { id: "b", status: "completed", attempt: 1, result: { data: "\ud800", encoding: "json" } },
      { id: "c", status: "completed", attempt: 1, result: { data: Uint8Array.of(0, 255), encoding: "raw" } },
      { id: "d", status: "completed", attempt: 1 },
      { id: "e", status: "failed", attempt: 3, error: { name: "E", message: "é", code: "X" } },
      { id: "f", status: "expired", attempt: 0 },
    ];
    for (const outcome of outcomes) {
      book.sent(outcome.id, 0, channel());
      book.arrived(message(outcome));
    }
    expect(await book.read(outcomes.map(({ id }) => id))).toEqual(outcomes);
    for (const { id } of outcomes) book.sent(id, 0, channel());
    expect((await book.read(["a", "f"])).map((outcome) => outcome === undefined)).toEqual([true, true]);
    book.arrived(message(...outcomes));
    expect(await book.read(outcomes.map(({ id }) => id))).toEqual(outcomes);
  });

  test("are nothing when a message holds none that could be read", async () => {
    const { book, standing } = replies();
    book.sent("a", 0, channel());
    const whole = done("a");
    const foreign = { ...whole, properties: { headers: {} } } as unknown as Message;
    for (const content of [Buffer.alloc(0), Buffer.from("null"), whole.content.subarray(0, 9)])
      book.arrived({ ...whole, content });
    book.arrived(foreign);
    book.arrived(null);
    expect(await standing("a")).toBe("awaited");
    book.arrived(whole);
    expect(await standing("a")).toBe("completed");
  });

  test("are given up when their time is over, which begins when the job is due", async () => {
    const { clock, book, standing } = replies();
    book.sent("now", 0, channel());
    book.sent("later", 500, channel());
    await clock.advance(WITHIN_MS);
    expect([await standing("now"), await standing("later")]).toEqual(["unavailable", "awaited"]);
    await clock.advance(500);
    expect(await standing("later")).toBe("unavailable");
  });

  test("are given up at once with their channel, when they are not stored, or too large", async () => {
    const { book, standing } = replies();
    const [one, other] = [channel(), channel()];
    for (const id of ["a", "b"]) book.sent(id, 0, one);
    book.sent("c", 0, other);
    const heard = book.onReply(["a"], new AbortController().signal)[Symbol.asyncIterator]();
    book.gone("b");
    book.lost(one);
    expect((await heard.next()).value).toBe("a");
    expect(await Promise.all(["a", "b", "c"].map(standing))).toEqual([
      "unavailable",
      "unavailable",
      "awaited",
    ]);
    book.arrived(done("c", "x".repeat(LARGEST_REPLY + 1)));
    const [large] = await book.read(["c"]);
    expect((large as ResultUnavailableError).hint).toContain("16 MiB");
  });

  test("keep a channel open that was left, until the last has come", async () => {
    const { book, standing } = replies();
    const left = channel();
    expect(book.stays(left)).toBe(false);
    for (const id of ["a", "b"]) book.sent(id, 0, left);
    expect(book.stays(left)).toBe(true);
    book.arrived(done("a"));
    expect(left.closed).toBe(false);
    book.arrived(done("b"));
    expect(left.closed).toBe(true);
    const many = Array.from({ length: 9 }, channel);
    for (const [i, each] of many.entries()) {
      book.sent(`m${i}`, 0, each);
      book.stays(each);
    }
    expect(many.map(({ closed }) => closed)).toEqual([true, ...new Array<boolean>(8).fill(false)]);
    expect([await standing("m0"), await standing("m1")]).toEqual(["unavailable", "awaited"]);
  });

  test("are kept up to a number and a size, the latest", async () => {
    const { book, standing } = replies();
    const one = channel();
    for (const id of ["a", "b", "c"]) {
      book.sent(id, 0, one);
      book.arrived(done(id, "x".repeat(LARGEST_REPLY / 2)));
    }
    expect(await Promise.all(["a", "b", "c"].map(standing))).toEqual([
      "unavailable",
      "completed",
      "completed",
    ]);
  });

  test("end with the queue", async () => {
    const { book } = replies();
    book.sent("a", 0, channel());
    const heard = book.onReply(["a"], new AbortController().signal)[Symbol.asyncIterator]().next();
    book.close();
    expect((await heard).done).toBe(true);
    await expect(book.read(["a"])).rejects.toBeInstanceOf(ClosedError);
  });
});
