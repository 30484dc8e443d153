import { FULL_CAPABILITIES, type QueueCapabilities, type TaskQueueProtocol } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import {
  judgeQueueCase,
  LawBrokenError,
  type QueueCase,
  type QueueHarness,
  runQueueCase,
} from "../src/index.ts";

/** A queue that can do nothing but be closed, and a harness that writes down what is done with it. */
function stub(capabilities: Partial<QueueCapabilities> = {}): { harness: QueueHarness; log: string[] } {
  const log: string[] = [];
  const queue = (name: string): TaskQueueProtocol =>
    ({
      name,
      capabilities: { ...FULL_CAPABILITIES, ...capabilities },
      close: async () => void log.push(`close ${name}`),
    }) as Partial<TaskQueueProtocol> as TaskQueueProtocol;
  const harness: QueueHarness = {
    name: "stub",
    open: async () => queue("first"),
    peer: async () => queue("peer"),
    reopen: async () => queue("reopened"),
    dispose: async () => void log.push("dispose"),
  };
  return { harness, log };
}

const aCase = (given: Partial<QueueCase>): QueueCase => ({
  law: "Q-12",
  name: "keeps its word",
  run: async () => {},
  ...given,
});

describe("a run of a case", () => {
  test("closes what the case opened, the latest first, and leaves a shared harness open", async () => {
    const { harness, log } = stub();
    const c = aCase({
      run: async (env) => {
        await env.peer();
        await env.reopen();
      },
    });
    expect(await runQueueCase(c, harness)).toEqual({
      law: "Q-12",
      name: "keeps its word",
      harness: "stub",
      outcome: "passed",
    });
    expect(log).toEqual(["close reopened", "close peer", "close first"]);
  });

  test("disposes of a harness that was made for it, also when the case fails", async () => {
    const { harness, log } = stub();
    const failing = aCase({
      run: async () => {
        throw new Error("no");
      },
    });
    await judgeQueueCase(failing, () => harness);
    expect(log).toEqual(["close first", "dispose"]);
  });

  test("fails with the law, the promise, what was seen, and the names of the run", async () => {
    let seed = "";
    const failing = aCase({
      run: async (env) => {
        seed = env.seed;
        throw new Error('lost receipts: expected ["r"], got []');
      },
    });
    const error: unknown = await runQueueCase(failing, stub().harness).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LawBrokenError);
    expect((error as LawBrokenError).law).toBe("Q-12");
    expect((error as LawBrokenError).message).toBe(
      `Q-12 is broken by stub: keeps its word\n  lost receipts: expected ["r"], got []\n  (names of this run contain "${seed}")`,
    );
  });

  test("tells what an error came from, and no circle for ever", async () => {
    const messageOf = async (thrown: Error): Promise<string> => {
      const failing = aCase({ run: () => Promise.reject(thrown) });
      return String(await runQueueCase(failing, stub().harness).catch((error: unknown) => error));
    };
    const late = new Error("the store is unavailable", { cause: new Error("no answer", { cause: "a cut" }) });
    expect(await messageOf(late)).toContain(
      "the store is unavailable\n  because: no answer\n  because: a cut\n",
    );
    const circle = new Error("round");
    circle.cause = circle;
    expect((await messageOf(circle)).match(/round/g)).toHaveLength(8);
  });

  test("is skipped with a reason where the manifest promises less, or the harness offers less, than is checked", async () => {
    const weaker = await judgeQueueCase(
      aCase({ needs: ["exact pause"] }),
      stub({ pause: "eventual" }).harness,
    );
    expect(weaker).toMatchObject({ outcome: "skipped", reason: "declared pause: eventual" });
    const silent = await judgeQueueCase(aCase({ needs: ["replay"] }), stub({ replay: false }).harness);
    expect(silent).toMatchObject({ outcome: "skipped", reason: "declared replay: false" });
    const unsevered = await judgeQueueCase(aCase({ harness: "sever" }), stub().harness);
    expect(unsevered).toMatchObject({ outcome: "skipped", reason: "the harness offers no sever" });
  });

  test("gives every name once, over runs too", async () => {
    const names = new Set<string>();
    const c = aCase({
      run: async (env) => {
        for (let i = 0; i < 10; i++) names.add(env.name("k"));
      },
    });
    for (let i = 0; i < 10; i++) await runQueueCase(c, stub().harness);
    expect(names.size).toBe(100);
  });
});
