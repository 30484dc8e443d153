import { TaskConfigError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { NotYetError } from "../../src/connection/refusals.ts";
import { judgeServer, type ServerReport } from "../../src/connection/server-check.ts";

const SAFE = {
  version_num: 150_020,
  version: "15.20",
  database: "shop",
  standby: false,
  read_only: "off",
  isolation: "read committed",
  encoding: "UTF8",
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  sync_standbys: "",
  standbys: 0,
};

const judged = (facts: Record<string, unknown>): ServerReport => judgeServer({ ...SAFE, ...facts });

describe("a server", () => {
  test("that keeps what it confirms is safe, and risks nothing", () => {
    expect(judged({})).toEqual({
      version: "15.20",
      database: "shop",
      durability: "safe",
      standbys: 0,
      risks: [],
    });
    expect(judged({ synchronous_commit: "local" })).toMatchObject({ durability: "safe", risks: [] });
    expect(judged({ synchronous_commit: "remote_apply", sync_standbys: "*", standbys: 2 })).toMatchObject({
      durability: "safe",
      risks: [],
    });
  });

  test.each([
    [{ fsync: "off" }, "unsafe", /fsync off/],
    [{ full_page_writes: "off" }, "unsafe", /full_page_writes off/],
    [{ synchronous_commit: "off" }, "recent lost", /synchronous_commit off/],
    [
      { synchronous_commit: "local", sync_standbys: "a", standbys: 1 },
      "recent lost",
      /synchronous_commit local/,
    ],
    [{ standbys: 1 }, "safe", /no synchronous standby/],
  ])("with %j says what it risks", (facts, durability, risk) => {
    expect(judged(facts)).toMatchObject({ durability, risks: [expect.stringMatching(risk)] });
  });

  test.each([
    [{ version_num: 120_018 }, /too old/, /13 or newer/],
    [{ encoding: "LATIN1" }, /encoding LATIN1/, /UTF8/],
    [{ isolation: "serializable" }, /serializable/, /read committed/],
  ])("with %j is refused with what to use instead", (facts, message, hint) => {
    expect(() => judged(facts)).toThrow(TaskConfigError);
    expect(() => judged(facts)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) }),
    );
  });

  test.each([[{ standby: true }], [{ read_only: "on" }]])("with %j is not used yet", (facts) => {
    expect(() => judged(facts)).toThrow(NotYetError);
  });
});
