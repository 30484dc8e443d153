import { describe, expect, test } from "vitest";
import { readCommandLine } from "../src/command-line.ts";
import { WORKLOADS } from "../src/workloads.ts";

const read = (...args: string[]) => readCommandLine(args, "/from");

describe("a command line", () => {
  test("that names a store has five counted runs, and writes nothing", () => {
    expect(read("redis")).toEqual({
      stores: ["redis"],
      all: false,
      json: false,
      quick: false,
      runs: 5,
    });
    expect(read("redis", "--quick")).toMatchObject({ runs: 3 });
  });

  test("that says all runs every workload on every store, and writes what was measured", () => {
    expect(read("all")).toMatchObject({
      stores: ["memory", "redis", "postgres", "rabbitmq"],
      runs: 5,
      out: "/from/.proof",
      workloads: WORKLOADS.map(({ id }) => id),
    });
  });

  test("that says all and quick ends within ten minutes", () => {
    const wish = read("all", "--quick", "--out", "there");
    expect(wish).toMatchObject({ runs: 1, out: "/from/there" });
    expect(wish?.withinMs).toBeLessThan(600_000);
    // Those that take minutes are left out.
    expect(wish).not.toHaveProperty("workloads");
  });

  test.each([
    [[]],
    [["papyrus"]],
    [["memory", "redis"]],
    [["memory", "--runs", "0"]],
    [["memory", "--within=-1"]],
    [["memory", "--appendfsync", "always"]],
    [["all", "--appendfsync", "always"]],
    [["redis", "--appendfsync", "never"]],
  ])("that asks for what there is not is refused: %j", (args) => {
    expect(read(...args)).toBeUndefined();
  });
});
