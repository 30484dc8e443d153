import { QueueUnavailableError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { fateOf, shownError, unavailable } from "../../src/connection/refusals.ts";

function reply(message: string): Error {
  const error = new Error(message);
  error.name = "ReplyError";
  return error;
}

describe("what the server answers", () => {
  test.each([
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN Hash slot not served",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MOVED 1 127.0.0.1:7000",
    "ASK 1 127.0.0.1:7000",
    "BUSY Redis is busy running a script.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Errors writing to the AOF file",
    "NOREPLICAS Not enough good replicas to write.",
    "NOSCRIPT No matching script.",
    "ERR Error running script: @user_script:1: Script killed by user with SCRIPT KILL...",
  ])("%s was not applied, and may go well later", (message) => {
    expect(fateOf(reply(message), true)).toMatchObject({ accepted: "no", retryable: true });
  });

  test.each(["NOAUTH Authentication required.", "WRONGPASS invalid username-password pair"])(
    "%s will not go well later either",
    (message) => {
      expect(fateOf(reply(message), true)).toMatchObject({ accepted: "no", retryable: false });
    },
  );

  test.each([
    ["NOPERM this user has no permissions to run the 'evalsha' command", "no"],
    ["NOPERM this user has no permissions to run the 'set' command script: 1, on @user_script:1.", "unknown"],
  ] as const)("%s leaves the fate %s", (message, accepted) => {
    expect(fateOf(reply(message), true)).toMatchObject({ accepted, retryable: false });
  });

  test.each(["ERR something the script did", "MINE", "WRONGTYPE Operation against a key"])(
    "%s is the script's own",
    (message) => {
      expect(fateOf(reply(message), true)).toBeUndefined();
    },
  );

  test.each(["READONLY x", "LOADING x", "MASTERDOWN x", "UNBLOCKED x", "NOAUTH x"])(
    "%s makes the link look for another server",
    (message) => {
      expect(fateOf(reply(message), true)?.leave).toBe(true);
    },
  );
});

test("a lost link leaves the fate unknown exactly when the call was written", () => {
  const lost = new Error("Connection is closed.");
  expect(fateOf(lost, true)).toMatchObject({ accepted: "unknown", retryable: true });
  expect(fateOf(lost, false)).toMatchObject({ accepted: "no", retryable: true });
});

test("an error that is shown keeps nothing of its command and no secret", () => {
  const raw = Object.assign(reply("WRONGPASS for redis://me:hunter2@host"), {
    code: "X",
    command: { name: "hello", args: [3, "AUTH", "me", "hunter2"] },
  });
  const error = unavailable("emails", { accepted: "no", retryable: false }, raw);
  expect(error).toBeInstanceOf(QueueUnavailableError);
  expect(error.fields).toEqual({ queue: "emails", retryable: false, accepted: "no", ids: [] });
  const cause = error.cause as NodeJS.ErrnoException;
  expect(cause.code).toBe("X");
  expect(JSON.stringify([cause.message, cause.stack, { ...cause }])).not.toContain("hunter2");
  expect(shownError("just text").message).toBe("just text");
});
