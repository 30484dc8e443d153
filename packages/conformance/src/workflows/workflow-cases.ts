import { type NewJob, QueueUnavailableError } from "@lexigram/contracts";
import type { Case, WorkflowLaw } from "../kit/case.ts";
import { holds, same } from "../kit/expect.ts";
import type { WorkflowEnv, WorkflowFaults } from "../kit/workflow-env.ts";
import type { WorkflowEnd, WorkflowShape } from "../kit/workflow-harness.ts";

const add = (name: string): WorkflowShape => ({ task: "add", name });
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Every form there is, inside each other. Of 1 it makes 13, in eleven runs of tasks. */
const EVERYTHING: WorkflowShape = {
  chain: [
    add("first"),
    { chord: [add("left"), { chain: [add("in"), add("out")] }], callback: { task: "sum" } },
    { branch: { task: "large" }, ifTrue: { task: "fail" }, ifFalse: add("small") },
    { group: [add("a"), add("b")], maxConcurrency: 1 },
    { task: "sum", name: "total" },
  ],
};
const EVERYTHING_RAN = [
  "add 1",
  "add 2",
  "add 2",
  "add 3",
  "add 7",
  "add 8",
  "add 8",
  "large 7",
  "sum [3,4]",
  "sum [9,9]",
];

const inOrder = (ran: readonly string[]): string[] => ran.toSorted();

function ended({ status, finalResult }: WorkflowEnd): readonly [string, unknown] {
  return [status, finalResult];
}

const gone = (): Error =>
  new QueueUnavailableError({ queue: "conformance", retryable: false, accepted: "unknown", ids: [] });

/** Fails one call, before or after it was done: the n-th since it was armed. */
class OneFailure {
  readonly #when: "before" | "after";
  #left = Infinity;

  constructor(when: "before" | "after") {
    this.#when = when;
  }

  arm(n: number): void {
    this.#left = n;
  }

  readonly faults: WorkflowFaults = {
    queue: (queue) => ({
      enqueueMany: (jobs, options) => this.#around(() => queue.enqueueMany(jobs, options)),
    }),
    state: (state) => ({
      put: (key, value, options) => this.#around(() => state.put(key, value, options)),
    }),
  };

  async #around<T>(call: () => Promise<T>): Promise<T> {
    const isIt = this.#left-- === 0;
    if (isIt && this.#when === "before") throw gone();
    const answer = await call();
    if (isIt) throw gone();
    return answer;
  }
}

/** How many writes of a run are looked at, one by one. */
const STEPS = 24;

async function survives(env: WorkflowEnv, when: "before" | "after"): Promise<void> {
  const starter = await env.starter();
  const failure = new OneFailure(when);
  await env.worker(failure.faults);
  for (let n = 0; n < STEPS; n++) {
    env.ran.length = 0;
    const id = env.name();
    failure.arm(n);
    await starter.start(EVERYTHING, 1, id);
    same(ended(await starter.end(id)), ["completed", 18], `the end when call ${n} fails ${when} it is done`);
    same(inOrder(env.ran), EVERYTHING_RAN, `what ran when call ${n} fails ${when} it is done`);
  }
}

/** The cases of `docs/laws/workflows.md`. */
export const workflowCases: readonly Case<WorkflowLaw, WorkflowEnv>[] = [
  {
    law: "W-01",
    name: "forms of every kind, inside each other, run each step once and give what they give",
    async run(env) {
      const worker = await env.worker();
      const id = env.name();
      await worker.start(EVERYTHING, 1, id);
      same(ended(await worker.end(id)), ["completed", 18], "the end");
      same(inOrder(env.ran), EVERYTHING_RAN, "what ran");
    },
  },
  {
    law: "W-01",
    name: "a chain stops at a step that fails, or goes on with what it had or its handler gave",
    async run(env) {
      const worker = await env.worker();
      const play = async (shape: WorkflowShape): Promise<readonly [string, unknown, number]> => {
        const id = env.name();
        await worker.start(shape, 1, id);
        const end = await worker.end(id);
        return [...ended(end), end.steps.length];
      };
      const steps = [add("a"), { task: "fail" }, add("b")] as const;
      same(await play({ chain: steps }), ["failed", undefined, 2], "a chain that stops");
      same(await play({ chain: steps, stopOnError: false }), ["completed", 3, 3], "a chain that goes on");
      const mended = [add("a"), { task: "fail", onError: "mend" }, add("b")] as const;
      same(await play({ chain: mended }), ["failed", 200, 2], "a chain that stops after a handler");
      same(await play({ chain: mended, stopOnError: false }), ["completed", 201, 3], "with a handler");
    },
  },
  {
    law: "W-01",
    name: "a group completes in part, and a chord calls back as it says",
    async run(env) {
      const worker = await env.worker();
      const play = async (shape: WorkflowShape): Promise<readonly [string, unknown]> => {
        const id = env.name();
        await worker.start(shape, 1, id);
        return ended(await worker.end(id));
      };
      const steps = [add("a"), { task: "fail" }] as const;
      same(await play({ group: steps }), ["partially_completed", undefined], "a group");
      same(await play({ group: [{ task: "fail" }] }), ["failed", undefined], "a group of which all fail");
      const callback = { task: "sum" } as const;
      same(await play({ chord: steps, callback }), ["partially_completed", undefined], "a chord");
      same(
        await play({ chord: steps, callback, onPartial: "call" }),
        ["partially_completed", 1_002],
        "a chord that calls",
      );
    },
  },
  {
    law: "W-02",
    name: "what one process started goes on in another, when the first is gone",
    async run(env) {
      const id = env.name();
      const starter = await env.starter();
      await starter.start(EVERYTHING, 1, id);
      same(await starter.status(id), "pending", "the status before anybody works");
      await starter.stop();
      const first = await env.worker();
      await env.until("a step has run", () => env.ran.length > 0);
      await first.stop();
      const second = await env.worker();
      same(ended(await second.end(id)), ["completed", 18], "the end");
      same(inOrder(env.ran), EVERYTHING_RAN, "what ran");
    },
  },
  {
    law: "W-03",
    name: "five processes that carry on the same workflows run each step once",
    async run(env) {
      const worker = await env.worker();
      await Promise.all(numbers(4).map(() => env.worker()));
      const ids = numbers(6).map(() => env.name());
      await Promise.all(ids.map((id) => worker.start(EVERYTHING, 1, id)));
      for (const id of ids) same(ended(await worker.end(id)), ["completed", 18], "the end");
      same(inOrder(env.ran), inOrder(ids.flatMap(() => EVERYTHING_RAN)), "what ran");
    },
  },
  {
    law: "W-04",
    name: "a call that fails before it is done, whichever it is, leaves no step without a job and none with two",
    run: (env) => survives(env, "before"),
  },
  {
    law: "W-04",
    name: "a call that fails after it is done, whichever it is, leaves no step without a job and none with two",
    run: (env) => survives(env, "after"),
  },
  {
    law: "W-05",
    name: "a fan-out of thousands gives each item one job, and calls back when all have ended",
    async run(env) {
      const worker = await env.worker();
      const id = env.name();
      const items = numbers(3_000);
      await worker.start({ chord: { each: { task: "add" } }, callback: { task: "sum" } }, items, id);
      const end = await worker.end(id);
      same(ended(end), ["completed", (3_000 * 3_001) / 2], "the end");
      same(end.steps.length, 3_001, "how many steps it tells of");
      same(
        inOrder(env.ran.filter((what) => what.startsWith("add"))),
        inOrder(items.map((n) => `add ${n}`)),
        "what ran",
      );
    },
  },
  {
    law: "W-06",
    name: "a process that stands still while it fans out, for longer than records are kept, runs nothing again",
    async run(env) {
      await env.queue.setPolicy({ keepCompleted: 0 });
      const id = env.name();
      const starter = await env.starter();
      await starter.start({ group: [add("a"), add("b")] }, 1, id);
      // What it was about to enqueue when it stood still, and what would have followed; its job was run again meanwhile.
      const calls: (readonly NewJob[])[] = [];
      const frozen = await env.worker({
        queue: (queue) => ({
          enqueueMany: async (jobs, options) => {
            if (jobs.some(({ task, barrier }) => task === "add" || barrier !== undefined)) calls.push(jobs);
            if (calls.length === 1) throw gone();
            return queue.enqueueMany(jobs, options);
          },
        }),
      });
      same(ended(await starter.end(id)), ["completed", [2, 2]], "the end");
      await env.until("all jobs are over", async () => (await env.queue.count()) === 0);
      holds(calls.length >= 3, "a job that goes on, twice, and the steps");
      for (const [seq, jobs] of calls.entries())
        await env.queue.enqueueMany(jobs, { session: `${env.seed}:late`, seq: seq + 1 });
      await env.until("all jobs are over", async () => (await env.queue.count()) === 0);
      await frozen.stop();
      same(env.ran, ["add 1", "add 1"], "what ran");
    },
  },
  {
    law: "W-07",
    name: "a workflow that is cancelled is over at once, its jobs are cancelled, and nothing more of it runs",
    async run(env) {
      const worker = await env.worker();
      const id = env.name();
      const wait: WorkflowShape = { task: "add", delay: 3_600_000 };
      const shape: WorkflowShape = {
        chain: [
          { group: [{ ...wait, name: "x" }, { chain: [add("y"), { ...wait, name: "z" }] }] },
          add("after"),
        ],
      };
      await worker.start(shape, 1, id);
      await env.until("two jobs wait", async () => (await env.queue.count("scheduled")) === 2);
      same(await worker.status(id), "running", "the status before");
      same(await worker.cancel(id), "cancelled", "the answer");
      same(await worker.status(id), "cancelled", "the status after");
      same((await worker.end(id)).status, "cancelled", "the end");
      await env.until("no job waits", async () => (await env.queue.count()) === 0);
      const { items } = await env.queue.list({ status: "cancelled", task: "add", limit: 100 });
      same(items.length, 2, "steps whose jobs were cancelled");
      same(env.ran, ["add 1"], "what ran");
      same(await worker.cancel(id), "finished", "cancelling again");
      same(await worker.cancel(env.name()), "unknown", "cancelling what is not there");
    },
  },
  {
    law: "W-08",
    name: "a second start under one id changes nothing, before, during and after the run",
    async run(env) {
      const id = env.name();
      const starter = await env.starter();
      const shape: WorkflowShape = { chain: [add("a"), add("b")] };
      await Promise.all([starter.start(shape, 1, id), starter.start(shape, 1, id)]);
      const worker = await env.worker();
      await worker.start(shape, 1, id);
      same(ended(await worker.end(id)), ["completed", 3], "the end");
      await starter.start(shape, 1, id);
      await env.until("all jobs are over", async () => (await env.queue.count()) === 0);
      same(env.ran, ["add 1", "add 2"], "what ran");
    },
  },
  {
    law: "W-09",
    name: "a workflow is listed until it ends, and then leaves nothing but its end",
    async run(env) {
      const starter = await env.starter();
      const id = env.name();
      await starter.start(EVERYTHING, 1, id);
      same(await starter.listActive(), [id], "what is listed");
      const worker = await env.worker();
      await worker.end(id);
      await env.until("all jobs are over", async () => (await env.queue.count()) === 0);
      same(await starter.listActive(), [], "what is listed after the end");
      const { items } = await env.state.list("workflow", { limit: 1_000 });
      const left = items.filter(({ key }) => key.includes(id));
      same(left.length, 1, "entries that are left");
      holds(left[0]?.expiresInMs !== undefined, "the end does not stay for ever");
    },
  },
];
