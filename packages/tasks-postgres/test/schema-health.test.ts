import { describe, expect, test } from "vitest";
import { judgeSchema } from "../src/schema-health.ts";

describe("the health of a schema", () => {
  test("warns of a transaction that has been open for long", () => {
    expect(judgeSchema(9 * 60_000, []).warnings).toEqual([]);
    expect(judgeSchema(11 * 60_000, [])).toMatchObject({
      oldestTransactionMs: 660_000,
      warnings: [expect.stringMatching(/open for 11 minutes/)],
    });
  });

  test("warns of dead rows that are many and more than the live ones", () => {
    const tables = [
      { name: "state_entry", dead: 200_000, live: 100 },
      { name: "state_bucket", dead: 200_000, live: 900_000 },
      { name: "state_permit", dead: 2_000, live: 0 },
    ];
    expect(judgeSchema(0, tables)).toEqual({
      oldestTransactionMs: 0,
      deadRows: { state_entry: 200_000, state_bucket: 200_000, state_permit: 2_000 },
      warnings: [expect.stringMatching(/^state_entry holds 200000 dead rows/)],
    });
  });
});
