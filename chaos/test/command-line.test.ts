import { describe, expect, test } from "vitest";
import { readCommandLine, type Wish } from "../src/command-line.ts";

const read = (...args: string[]): Wish | undefined => readCommandLine(args, 7, "/from");
const names = (wish: Wish | undefined): readonly string[] =>
  wish?.stores.flatMap(({ store, tasks }) =>
    tasks.map(({ scenario, broken }) => [store.name, scenario.name, broken].filter(Boolean).join(" ")),
  ) ?? [];

describe("a command line", () => {
  test("that names a store runs all of its scenarios, and writes nothing", () => {
    const wish = read("redis", "--seed", "3");
    expect(wish).toMatchObject({ seed: 3, quick: false, atOnce: false, size: { accepted: 30_000 } });
    expect(wish).not.toHaveProperty("out");
    expect(names(wish)).toHaveLength(wish?.stores[0]?.store.scenarios.length ?? 0);
  });

  test("that says all runs every scenario of every store, one after the other, and writes what it showed", () => {
    const wish = read("all");
    expect(wish).toMatchObject({ seed: 7, atOnce: false, out: "/from/.proof" });
    expect(wish?.stores.map(({ store }) => store.name)).toEqual(["redis", "postgres", "rabbitmq"]);
    for (const { store, tasks } of wish?.stores ?? []) expect(tasks).toHaveLength(store.scenarios.length);
  });

  test("that says all and quick runs three scenarios of each store, all stores at the same time", () => {
    const wish = read("all", "--quick", "--out", "there");
    expect(wish).toMatchObject({ atOnce: true, size: { faults: 6, lease: 2_000 }, out: "/from/there" });
    expect(names(wish)).toEqual(
      ["redis", "postgres", "rabbitmq"].flatMap((store) =>
        ["worker-kill", "server-restart", "half-open"].map((scenario) => `${store} ${scenario}`),
      ),
    );
  });

  test("with scenarios runs those, on the stores that have them", () => {
    expect(names(read("all", "--quick", "--scenario", "failover,zombie"))).toEqual([
      "redis zombie",
      "redis failover",
      "postgres zombie",
      "postgres failover",
      "rabbitmq zombie",
    ]);
  });

  test("with broken runs each broken build under its scenario", () => {
    expect(names(read("rabbitmq", "--broken"))).toEqual([
      "rabbitmq worker-kill settles-first",
      "rabbitmq server-restart confirms-first",
    ]);
  });

  test("with broken and a scenario runs the broken builds under that one", () => {
    expect(names(read("redis", "--broken", "--scenario", "partition,worker-kill"))).toEqual([
      "redis worker-kill settles-first",
      "redis worker-kill no-recovery",
      "redis partition no-fence",
    ]);
  });

  test.each([
    [[]],
    [["papyrus"]],
    [["redis", "postgres"]],
    [["redis", "--seed", "lucky"]],
    [["redis", "--scenario", "memory-alarm"]],
    [["all", "--scenario", "zombie,flood"]],
  ])("that asks for what there is not is refused: %j", (args) => {
    expect(read(...args)).toBeUndefined();
  });
});
