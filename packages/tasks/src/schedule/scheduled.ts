import { refuseUnknownOptions, requireOptions, TaskRegistrationError } from "@lexigram/contracts";
import { task } from "../define/task.ts";
import { isDefinition, type MethodSlot, type TaskDefinition } from "../define/task-definition.ts";
import { isTaskMethod, markMethod, type TaskClass, taskMethodsOf } from "../define/task-methods.ts";
import type { MethodTaskOptions } from "../define/task-options.ts";
import { TASK_KEYS } from "../define/task-policy.ts";
import type { TaskContext } from "../worker/task-context.ts";
import { checkSchedule } from "./schedule-entry.ts";
import { type ScheduleSettings, type ScheduleTiming, SETTING_KEYS, TIMING_KEYS } from "./schedule-options.ts";

/** Where a class, or a definition, keeps its schedules; a registered symbol, so that two copies of this package agree. */
const schedules: unique symbol = Symbol.for("@lexigram/tasks:schedules") as never;

/** When, how, and the task's own options: its jobs have no input, so nothing that is computed from one. */
export type ScheduledOptions = ScheduleTiming &
  ScheduleSettings &
  Omit<MethodTaskOptions, "input" | "unique" | "idempotencyKey" | "key">;

export type ScheduleOfTask = ScheduleTiming & ScheduleSettings;

interface Marked {
  [schedules]?: Map<string, readonly ScheduleOfTask[]>;
}

const NOT_HERE = ["input", "output", "unique", "idempotencyKey", "key"];
const KEYS: readonly string[] = [
  ...new Set([...TIMING_KEYS, ...SETTING_KEYS, ...TASK_KEYS.filter((key) => !NOT_HERE.includes(key))]),
];
const OF_SCHEDULE: readonly string[] = [...TIMING_KEYS, ...SETTING_KEYS];
/** What a schedule says for its task as well, so that it holds for jobs that are enqueued by hand. */
const OF_BOTH: readonly string[] = ["queue", "priority", "maxRetries"];

/**
 * Makes a method a task, without input, that is enqueued by a schedule. Above a `@task` or another `@scheduled` it adds a
 * schedule to that task. With a function it makes a definition of a task.
 *
 * The application that lists the class or definition in `TasksModule.scope(...)` fires it. The schedule's `id` is by
 * default the task's name, of the second schedule of one task `name#2`.
 *
 * @throws ScheduleInvalidError for a rule that cannot be; TaskConfigError for an option that is unknown, out of range, or
 *   at odds with another.
 */
export function scheduled<O>(
  options: ScheduledOptions & { readonly name: string },
  handler: (ctx: TaskContext) => O,
): TaskDefinition<void, void, Awaited<O>>;
export function scheduled(
  options: ScheduledOptions,
): (target: object, method: string, descriptor: MethodSlot<(ctx: TaskContext) => unknown>) => void;
export function scheduled(options: ScheduledOptions, handler?: (ctx: TaskContext) => unknown): unknown {
  requireOptions("scheduled()", options);
  refuseUnknownOptions("scheduled()", options, KEYS);
  const when = part(options, (key) => OF_SCHEDULE.includes(key)) as unknown as ScheduleOfTask;
  const ofTask = part(options, (key) => !OF_SCHEDULE.includes(key) || OF_BOTH.includes(key));
  if (handler !== undefined) {
    const definition = task({ ...ofTask, name: options.name ?? "" }, handler);
    checkSchedule(definition, when);
    Object.defineProperty(definition, schedules, { value: [when] });
    return definition;
  }
  return (target: object, method: string, descriptor?: { readonly value?: unknown }): void => {
    const name = options.name ?? `${target.constructor.name}.${method}`;
    checkSchedule(name, when);
    if (!isTaskMethod(target, method)) markMethod(target, method, descriptor, ofTask, undefined);
    else refuseTaskOptions(name, ofTask);
    mark(target, method, when);
  };
}

/** The schedules of the tasks of a class, those of its parents included, by the names of the tasks. */
export function schedulesOfClass(
  owner: TaskClass,
): readonly (readonly [task: string, when: ScheduleOfTask])[] {
  const found = new Map<string, readonly ScheduleOfTask[]>();
  const chain: Marked[] = [];
  for (
    let at: object | null = owner.prototype as object;
    at !== null;
    at = Object.getPrototypeOf(at) as object | null
  )
    if (Object.hasOwn(at, schedules)) chain.unshift(at);
  for (const marked of chain) for (const [method, all] of marked[schedules] ?? []) found.set(method, all);
  const tasks = taskMethodsOf(owner);
  return [...found].flatMap(([method, all]) => {
    const name = tasks.get(method)?.name;
    return name === undefined ? [] : all.map((when) => [name, when] as const);
  });
}

/** The schedules of a definition that `scheduled` made; none of any other. */
export function schedulesOfDefinition(definition: unknown): readonly ScheduleOfTask[] {
  if (!isDefinition(definition)) return [];
  return (definition as { [schedules]?: readonly ScheduleOfTask[] })[schedules] ?? [];
}

function mark(target: object, method: string, when: ScheduleOfTask): void {
  const own = Object.hasOwn(target, schedules) ? (target as Marked)[schedules] : undefined;
  if (own === undefined)
    Object.defineProperty(target, schedules, { value: new Map([[method, [when]]]), enumerable: false });
  else own.set(method, [...(own.get(method) ?? []), when]);
}

/** The task below has said what it is. */
function refuseTaskOptions(name: string, options: object): void {
  const more = Object.keys(options).find((key) => !OF_BOTH.includes(key));
  if (more === undefined) return;
  throw new TaskRegistrationError(
    `${more} of @scheduled has no effect: the method is a task already`,
    { task: name },
    { hint: `give ${more} where the method is made a task, below @scheduled` },
  );
}

function part(options: object, isIn: (key: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([key]) => isIn(key)));
}
