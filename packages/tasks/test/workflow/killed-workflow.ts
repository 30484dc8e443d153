import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Duration } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { describe, test } from "vitest";
import {
  chord,
  each,
  type NamedBackendOptions,
  step,
  task,
  TaskChain,
  TasksModule,
  TaskWorkflows,
  type,
  type Workflow,
} from "../../src/index.ts";

/** How a backend takes part. */
export interface KilledWorkflows {
  /** The folder of a package that can import it. */
  readonly home: string;
  /** Text of a function that a process gives {@link KilledPlace.where} to get its backend. */
  readonly open: string;
  /** Of the process that dies: so long the other one waits for what it held. */
  readonly lease: Duration;
  /** Somewhere that nobody else uses. */
  readonly place: () => KilledPlace;
  /** At which calls the chord has a thousand steps; at the others it has a hundred. */
  readonly isLarge: (n: number) => boolean;
}

interface KilledPlace {
  readonly where: Readonly<Record<string, string>>;
  readonly entry: NamedBackendOptions;
}

/** A process that works until, for the n-th time, a call that carries workflows on is to be done or was done. */
const programOf = ({ open, lease }: KilledWorkflows): string => `
  import { Application } from "@lexigram/kernel";
  import { task, TasksModule, type } from "@lexigram/tasks";
  const { n, when, ...where } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const over = (inner, own) => new Proxy(inner, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  let calls = 0;
  const around = async (call) => {
    const isIt = calls++ === n;
    if (isIt && when === "before") process.kill(process.pid, "SIGKILL");
    const answer = await call();
    if (isIt) process.kill(process.pid, "SIGKILL");
    return answer;
  };
  const inner = await (${open})(where);
  const backend = over(inner, {
    queue(name, options) {
      const queue = inner.queue(name, options);
      return over(queue, { enqueueMany: (jobs, call) => around(() => queue.enqueueMany(jobs, call)) });
    },
    state: over(inner.state, {
      put: (key, value, options) =>
        key.startsWith("workflow") ? around(() => inner.state.put(key, value, options)) : inner.state.put(key, value, options),
    }),
  });
  const add = task({ name: "add", input: type() }, (k) => k + 1);
  const sum = task({ name: "sum", input: type() }, (list) => list.reduce((a, b) => a + b, 0));
  await Application.boot({
    modules: [
      TasksModule.configure({
        enableScheduler: false,
        backends: [{ name: "work", backend }],
        config: { worker: { lease: "${lease}", maxConcurrentTasks: 100 } },
      }),
      TasksModule.scope(add, sum),
    ],
    config: { logging: { level: "error" } },
  });
`;

const add = task({ name: "add", input: type<number>() }, (k) => k + 1);
const sum = task({ name: "sum", input: type<readonly number[]>() }, (list) =>
  list.reduce((a, b) => a + b, 0),
);

type Finished = (what: () => void | Promise<void>) => void;

/** Of who lives on. A machine that stands still for seconds takes none of it away, so whatever runs twice is a defect. */
const HEIR_LEASE = "90s";

async function application(
  finished: Finished,
  entry: NamedBackendOptions,
  workerCount: number,
  ran: string[] = [],
) {
  const app = await Application.boot({
    modules: [
      TasksModule.configure({
        workerCount,
        enableScheduler: false,
        backends: [entry],
        config: { worker: { lease: HEIR_LEASE, maxConcurrentTasks: 100 } },
        middleware: [
          async (context, next) => {
            if (context.phase !== "enqueue" && context.taskName !== "lexigram.workflow")
              ran.push(context.jobId);
            return next();
          },
        ],
      }),
      TasksModule.scope(add, sum),
    ],
    config: { logging: { level: "error" } },
  });
  finished(() => app.stop());
  return app.get(TaskWorkflows);
}

/** Starts a workflow, lets a process carry it on that dies, and another one that does the rest. */
async function survived(
  given: KilledWorkflows,
  finished: Finished,
  workflow: Workflow<never, number>,
  input: unknown,
  dies: { readonly n: number; readonly when: "before" | "after" },
) {
  const { home, place } = given;
  const { where, entry } = place();
  const starter = await application(finished, entry, 0);
  const run = await starter.start(workflow, input as never, { workflowId: "w" });
  const settings = JSON.stringify({ ...where, ...dies });
  const child = spawn(process.execPath, ["--input-type=module", "-e", programOf(given), settings], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  finished(() => {
    child.kill("SIGKILL");
  });
  // Its last call ends the workflow, so who waits may hear of that first.
  const [, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  const heir: string[] = [];
  await application(finished, entry, 1, heir);
  return { signal, heir, result: await run.result({ timeout: "90s" }) };
}

/** Before the first call, and after each; what is before the others is after the ones before them. */
const MOMENTS = [
  { n: 0, when: "before" },
  ...Array.from({ length: 15 }, (_, n) => ({ n, when: "after" }) as const),
] as const;

/**
 * Kills a process that carries on a chain and a chord, at each of its calls: another one does the rest, and the end is the
 * same.
 */
export function describeKilledWorkflows(given: KilledWorkflows): void {
  const { isLarge } = given;
  describe.concurrent("a process that is killed while it carries on", { timeout: 200_000 }, () => {
    // What a process does for it: three writes and two enqueues to begin, four calls for each step, three to end.
    test.for(MOMENTS)(
      "a chain, $when its call $n, changes nothing about the end",
      async (dies, { expect, onTestFinished }) => {
        const steps = ["a", "b", "c"].map((name) => step.task(add, { name }));
        const workflow = new TaskChain<number, number>(steps);
        const { signal, heir, result } = await survived(given, onTestFinished, workflow, 1, dies);
        expect(signal).toBe("SIGKILL");
        expect(result).toMatchObject({ status: "completed", finalResult: 4 });
        expect(result.steps.map(({ data }) => data)).toEqual([2, 3, 4]);
        expect(heir.length).toBe(new Set(heir).size);
      },
    );

    const chords = MOMENTS.map((dies) => ({ ...dies, count: isLarge(dies.n) ? 1_000 : 100 }));
    // A hundred take fewer calls.
    test.for(chords.filter(({ count, n }) => count === 1_000 || n < 10))(
      "a chord of $count, $when its call $n, changes nothing about the end",
      async ({ count, ...dies }, { expect, onTestFinished }) => {
        const items = Array.from({ length: count }, (_, i) => i);
        const { signal, heir, result } = await survived(
          given,
          onTestFinished,
          chord(each(step.task(add)), step.task(sum)),
          items,
          dies,
        );
        expect(signal).toBe("SIGKILL");
        expect(result).toMatchObject({ status: "completed", finalResult: (count * (count + 1)) / 2 });
        expect(result.steps).toHaveLength(count + 1);
        expect(result.steps.every(({ success }) => success)).toBe(true);
        expect(heir.length).toBe(new Set(heir).size);
      },
    );
  });
}
