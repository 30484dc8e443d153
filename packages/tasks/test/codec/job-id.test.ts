import { describe, expect, test } from "vitest";
import { JobIds, randomName } from "../../src/job/job-id.ts";
import { seeded } from "../dispatch/producer.ts";

describe("ids of jobs", () => {
  test("never repeat, and are short texts of base 36", () => {
    const ids = new JobIds(seeded(1));
    const seen = new Set<string>();
    for (let i = 0; i < 200_000; i++) seen.add(ids.next());
    expect(seen.size).toBe(200_000);
    for (const id of [...seen].slice(-1_500)) expect(id).toMatch(/^[0-9a-z]{15,22}$/);
  });

  test("begin with a name by chance, at either end of it", () => {
    expect(randomName(() => 0)).toBe("000000000000");
    expect(randomName(() => 1 - Number.EPSILON)).toBe("zzzzzzzzzzzz");
    expect(new JobIds(seeded(1)).prefix).not.toBe(new JobIds(seeded(2)).prefix);
  });
});
