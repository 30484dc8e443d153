import { QueueUnavailableError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { fateOf, LinkError, shownError, unavailable } from "../../src/connection/refusals.ts";

function reply(code: string, message = "said the server", severity = "ERROR"): Error {
  return Object.assign(new Error(message), { name: "error", code, severity, detail: "Key (a)=(secret)" });
}

describe("what the server answers", () => {
  test.each([
    "57P03",
    "53300",
    "53100",
    "57014",
    "55P03",
    "40001",
    "40P01",
    "25P03",
    "25006",
    "26000",
    "42P05",
  ])("%s was not applied, and may go well later", (code) => {
    expect(fateOf(reply(code), true)).toMatchObject({ accepted: "no", retryable: true });
  });

  test.each(["57P01", "57P02", "08006", "08P01"])(
    "%s leaves a call unknown that went out, and its connection useless",
    (code) => {
      const fate = { retryable: true, leave: "connection" };
      expect(fateOf(reply(code), true)).toEqual({ ...fate, accepted: "unknown" });
      expect(fateOf(reply(code), false)).toEqual({ ...fate, accepted: "no" });
    },
  );

  test("of a class that is not known ends the connection when it is fatal", () => {
    expect(fateOf(reply("XX000", "oops", "FATAL"), true)).toMatchObject({ leave: "connection" });
  });

  test.each(["28000", "28P01", "3D000", "42501"])("%s will not go well later either", (code) => {
    expect(fateOf(reply(code), true)).toMatchObject({ accepted: "no", retryable: false });
  });

  test("of being read only means that another server must be looked for", () => {
    expect(fateOf(reply("25006"), true)).toMatchObject({ leave: "server" });
  });

  test("of a plan whose function was replaced asks for another connection", () => {
    const error = reply("0A000", "cached plan must not change result type");
    expect(fateOf(error, true)).toEqual({ accepted: "no", retryable: true, leave: "connection" });
    expect(fateOf(reply("0A000", "no such feature"), true)).toBeUndefined();
  });

  test.each(["23505", "22003", "P0001", "42883"])("%s is the statement's own", (code) => {
    expect(fateOf(reply(code), true)).toBeUndefined();
  });
});

describe("what the client says of its link", () => {
  test("leaves unknown what went out, and nothing accepted of what did not", () => {
    const lost = new LinkError(new Error("Connection terminated unexpectedly"));
    expect(fateOf(lost, true)).toMatchObject({ accepted: "unknown", retryable: true });
    expect(fateOf(lost, false)).toMatchObject({ accepted: "no", retryable: true });
  });
});

describe("an error that is shown", () => {
  test("holds message and code, and nothing of rows or passwords", () => {
    const shown = shownError(reply("23505", "cannot reach postgres://me:hunter2@host/db"));
    expect(shown).toMatchObject({
      code: "23505",
      name: "PostgresError",
      message: expect.not.stringContaining("hunter2"),
    });
    expect(Object.keys(shown)).toEqual(["name", "code"]);
  });

  test("is the cause of what a call rejects with", () => {
    const error = unavailable("emails", { accepted: "no", retryable: true }, reply("53300"));
    expect(error).toBeInstanceOf(QueueUnavailableError);
    expect(error.fields).toEqual({ queue: "emails", retryable: true, accepted: "no", ids: [] });
    expect(error.cause).toMatchObject({ code: "53300" });
  });

  test("names the code of a link's error", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), {
      code: "ECONNREFUSED",
      syscall: "connect",
    });
    expect(shownError(new LinkError(refused))).toMatchObject({ code: "ECONNREFUSED" });
  });
});
