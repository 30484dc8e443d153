import { judgeQueueCase, type Need, queueCases, type QueueHarness, title } from "@lexigram/conformance";
import { type QueueCapabilities, type StateStoreProtocol, systemClock } from "@lexigram/contracts";
import { MemoryStateStore } from "@lexigram/tasks";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { CAPABILITIES, INDEXED_CAPABILITIES } from "../../src/queue/capabilities.ts";
import { rabbitServer } from "../rabbit-server.ts";
import { rabbitQueueHarness } from "./rabbit-queue-harness.ts";

interface Configuration {
  readonly name: string;
  readonly type: "quorum" | "classic";
  readonly can: QueueCapabilities;
  /** A step of time, in milliseconds, which a call must not take. */
  readonly unitMs: number;
  readonly state?: () => StateStoreProtocol;
  readonly ackTimeoutMs?: number;
}

const configurations: readonly Configuration[] = [
  { name: "rabbitmq quorum", type: "quorum", can: CAPABILITIES, unitMs: 600 },
  { name: "rabbitmq classic", type: "classic", can: CAPABILITIES, unitMs: 600 },
  {
    name: "rabbitmq quorum with an index",
    type: "quorum",
    can: INDEXED_CAPABILITIES,
    // A call makes several round trips more, in a process that runs many cases at once.
    unitMs: 1_500,
    state: () => new MemoryStateStore({ clock: systemClock }),
  },
  {
    name: "rabbitmq acknowledged early",
    type: "quorum",
    can: INDEXED_CAPABILITIES,
    unitMs: 1_500,
    state: () => new MemoryStateStore({ clock: systemClock }),
    ackTimeoutMs: 200,
  },
];

// Cases mostly wait, in real time.
vi.setConfig({ maxConcurrency: 16, testTimeout: 120_000, hookTimeout: 120_000 });

/** Whether the manifest promises what a case takes for granted. */
function isPromised(need: Need, can: QueueCapabilities): boolean {
  switch (need) {
    case "exact lookup":
      return can.lookup === true;
    case "exact pause":
      return can.pause === "exact";
    case "exact capacity":
      return can.capacity === "exact";
    case "exact recoveries":
      return can.recoveries === "exact";
    case "all priorities":
      return can.priorities >= 21;
    case "priorities":
      return can.priorities > 1;
    case "pause":
    case "capacity":
      return can[need] !== "none";
    default:
      return can[need] !== false;
  }
}

describe.concurrent.each(configurations)("$name under the laws of queues", ({ can, state, ...given }) => {
  const harnessOf = async (): Promise<QueueHarness> =>
    rabbitQueueHarness({
      ...given,
      server: await rabbitServer(),
      ...(state === undefined ? {} : { state: state() }),
    });
  let shared: QueueHarness;
  beforeAll(async () => {
    shared = await harnessOf();
  });
  afterAll(() => shared.dispose());

  for (const c of queueCases)
    test(`${title(c)}`, async ({ expect }) => {
      // A connection that is cut serves no other case.
      const report = await judgeQueueCase(c, c.harness === "sever" ? harnessOf : shared);
      const outcome = report.outcome === "failed" ? report.error.message : report.outcome;
      if (c.needs?.every((need) => isPromised(need, can)) ?? true) expect(outcome).toBe("passed");
      else expect(["refused", "skipped"]).toContain(outcome);
    });
});
