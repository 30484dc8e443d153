import type {
  StepShape,
  StepsShape,
  WorkflowHarness,
  WorkflowShape,
  WorkflowSubject,
} from "@lexigram/conformance";
import { type Clock, systemClock, type TaskBackend } from "@lexigram/contracts";
import {
  BranchStep,
  each,
  HandlerRegistry,
  type QueueBinding,
  QueueSet,
  step,
  type StepFailure,
  task,
  TaskChain,
  TaskChord,
  TaskDispatcher,
  TaskGroup,
  TaskWorker,
  TaskWorkflows,
  type,
  Workflow,
  type WorkflowPart,
} from "../../src/index.ts";

type Part = WorkflowPart<any, any>; // oxlint-disable-line typescript/no-explicit-any -- shapes have no types

/** The kit's tasks, as an application of one process has them. */
function kitTasks(ran: Parameters<WorkflowHarness["process"]>[2]) {
  return {
    add: task({ name: "add", input: type<number>() }, (n) => {
      ran("add", n);
      return n + 1;
    }),
    sum: task({ name: "sum", input: type<readonly (number | null)[]>() }, (list) => {
      ran("sum", list);
      return list.reduce<number>((a, b) => a + (b ?? 1_000), 0);
    }),
    fail: task({ name: "fail", input: type<unknown>(), maxRetries: 0 }, (input): number => {
      ran("fail", input);
      throw new Error("it failed");
    }),
    large: task({ name: "large", input: type<number>() }, (n) => {
      ran("large", n);
      return n > 10;
    }),
    mend: task({ name: "mend", input: type<StepFailure<number>>() }, ({ input = 0 }) => {
      ran("mend", input);
      return input * 100;
    }),
  };
}

/** Puts a shape of the kit into the words of this package. */
export function partOf(shape: WorkflowShape, stepOf: (shape: StepShape) => Part): Part {
  const of = (inner: WorkflowShape): Part => partOf(inner, stepOf);
  const steps = (inner: StepsShape) => ("each" in inner ? each(of(inner.each)) : inner.map(of));
  const named = shape.name === undefined ? {} : { name: shape.name };
  if ("task" in shape) return stepOf(shape);
  if ("chain" in shape)
    return new TaskChain(shape.chain.map(of), { ...named, stopOnError: shape.stopOnError ?? true });
  if ("group" in shape)
    return new TaskGroup(steps(shape.group), {
      ...named,
      ...(shape.maxConcurrency === undefined ? {} : { maxConcurrency: shape.maxConcurrency }),
    });
  if ("chord" in shape)
    return new TaskChord(steps(shape.chord), of(shape.callback), {
      ...named,
      onPartial: shape.onPartial ?? "stop",
    });
  return new BranchStep(stepOf(shape.branch) as never, of(shape.ifTrue), of(shape.ifFalse), named);
}

/** One process: a dispatcher, workflows, and a worker when it works. */
export function workflowProcess(
  backend: () => TaskBackend,
  clock: Clock = systemClock,
): WorkflowHarness["process"] {
  return async ({ queue, state }, works, ran): Promise<WorkflowSubject> => {
    const tasks = kitTasks(ran);
    const binding: QueueBinding = {
      name: "work",
      primary: true,
      queue,
      backend: backend(),
      state,
      defaults: { priority: undefined, maxRetries: undefined, timeoutMs: undefined, backoff: undefined },
      consume: works,
      concurrency: undefined,
      weight: 1,
      policy: undefined,
    };
    const queues = new QueueSet([binding]);
    const registry = new HandlerRegistry();
    for (const definition of Object.values(tasks)) registry.register(definition as never);
    const dispatcher = new TaskDispatcher({ queues, registry, clock, enqueueTimeoutMs: 5_000 });
    const workflows = new TaskWorkflows({ dispatcher, queues, registry, state, clock });
    const worker = works
      ? new TaskWorker({
          queue,
          handlers: registry,
          maxConcurrentTasks: 3,
          settings: { leaseMs: 5_000, pollIntervalMs: 50 },
          services: { clock },
        })
      : undefined;
    await worker?.start();
    const stepOf = ({ task: name, onError, ...own }: StepShape): Part =>
      step.task(tasks[name] as typeof tasks.add, {
        ...own,
        ...(onError === undefined ? {} : { onError: tasks[onError] }),
      });
    return {
      async start(shape, input, workflowId) {
        const workflow = partOf(shape, stepOf);
        if (!(workflow instanceof Workflow)) throw new TypeError("a single step is no workflow");
        await workflows.start(workflow, input, { workflowId, queue: "work" });
      },
      end: (id) => workflows.run(id).result({ timeout: "30s" }),
      status: (id) => workflows.run(id).status(),
      cancel: (id) => workflows.run(id).cancel(),
      listActive: async () => (await workflows.listActive()).map(({ workflowId }) => workflowId),
      stop: async () => worker?.stop({ drain: true }),
    };
  };
}
