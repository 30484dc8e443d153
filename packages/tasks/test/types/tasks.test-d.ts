// Checked by the compiler alone: each line that must not compile says so, and the build fails when it does.
import type { Result, TaskQueueError, TaskQueueProtocol } from "@lexigram/contracts";
import { expectTypeOf } from "vitest";
import { z } from "zod";
import type { HandlerRegistry } from "../../src/define/handler-registry.ts";
import { handles, task, type } from "../../src/define/task.ts";
import type {
  Runnable,
  TaskContract,
  TaskDefinition,
  TaskMethodDecorator,
} from "../../src/define/task-definition.ts";
import type { EnqueueOptions } from "../../src/dispatch/enqueue-options.ts";
import type { TaskDispatcher } from "../../src/dispatch/task-dispatcher.ts";
import type { TaskHandle } from "../../src/dispatch/task-handle.ts";
import type { TaskContext } from "../../src/worker/task-context.ts";

declare const tasks: TaskDispatcher;
declare const queue: TaskQueueProtocol;
declare const registry: HandlerRegistry;
declare const context: TaskContext;
declare function scope(...runnables: Runnable[]): void;

const Email = z.object({ to: z.string(), copies: z.number().default(1) });
const Page = z.object({ page: z.string().transform(Number) });

const sendEmail = task(
  {
    name: "email.send",
    input: Email,
    idempotencyKey: (input) => {
      expectTypeOf(input).toEqualTypeOf<{ to: string; copies: number }>();
      return input.to;
    },
  },
  async (input, ctx) => {
    expectTypeOf(input).toEqualTypeOf<{ to: string; copies: number }>();
    expectTypeOf(ctx).toEqualTypeOf<TaskContext>();
    return { messageId: "m" };
  },
);
const ping = task({ name: "ping" }, (ctx) => {
  expectTypeOf(ctx).toEqualTypeOf<TaskContext>();
  return 1;
});
const render = task({ name: "render", input: Page, output: z.object({ url: z.string() }) });
const anything = task({ name: "anything", input: z.any() }, (input: unknown) => input);

class ReportTasks {
  @task({ input: z.object({ month: z.string() }) })
  async build(input: { month: string }, _ctx: TaskContext): Promise<{ url: string }> {
    return { url: input.month };
  }
  @task()
  nightly(_ctx: TaskContext): number {
    return 1;
  }
  @handles(render)
  async render(input: { page: number }): Promise<{ url: string }> {
    return { url: `${input.page}` };
  }
  @task({ name: "private" })
  private hidden(): void {}
  protected useHidden(): void {
    this.hidden();
  }
  notATask(_a: string, _b: number): void {}
  readonly field = 1;
}

export function definitions(): void {
  expectTypeOf(sendEmail).toEqualTypeOf<
    TaskDefinition<
      { to: string; copies?: number | undefined },
      { to: string; copies: number },
      { messageId: string }
    >
  >();
  expectTypeOf(sendEmail({ to: "a" })).resolves.toEqualTypeOf<{ messageId: string }>();
  expectTypeOf(ping()).resolves.toBeNumber();
  expectTypeOf(ping.apply()).resolves.toBeNumber();
  expectTypeOf(sendEmail.delay({ to: "a" })).resolves.toEqualTypeOf<TaskHandle<{ messageId: string }>>();
  expectTypeOf(sendEmail.applyAsync(queue, { to: "a" })).resolves.toEqualTypeOf<
    TaskHandle<{ messageId: string }>
  >();
  expectTypeOf(render).toEqualTypeOf<TaskContract<{ page: string }, { page: number }, { url: string }>>();
  expectTypeOf(task({})).toExtend<TaskMethodDecorator<void, void, unknown>>();
  expectTypeOf(task({ name: "t", input: type<{ a: 1 }>() }, (i) => i.a)).toEqualTypeOf<
    TaskDefinition<{ a: 1 }, { a: 1 }, 1>
  >();
  scope(sendEmail, ping);
  registry.register(sendEmail);
  registry.register(ping);
  registry.register(render, ({ page }) => ({ url: page.toFixed() }));
  registry.register("name", (input, _ctx) => input);

  // @ts-expect-error a misspelt option
  task({ name: "t", timout: "30s" }, () => 1);
  // @ts-expect-error a duration that is none
  task({ name: "t", timeout: "5 minutes" }, () => 1);
  // @ts-expect-error a task without input leaves it out
  type<void>();
  // @ts-expect-error and this is no input either
  type<undefined>();
  type<unknown>();
  type<any>(); // oxlint-disable-line typescript/no-explicit-any -- it is an input
  // @ts-expect-error a handler without input takes the context alone
  task({ name: "t" }, (_input: string, _ctx: TaskContext) => 1);
  // @ts-expect-error a handler of another input
  task({ name: "t", input: Email }, (_input: { from: string }) => 1);
  // @ts-expect-error a key of what the input does not have
  task({ name: "t", input: Email, idempotencyKey: ({ too }) => too }, () => 1);
  // @ts-expect-error a definition needs a name
  task({ input: Email }, () => 1);
  // @ts-expect-error output belongs to contracts
  task({ name: "t", output: Email }, () => 1);
  // @ts-expect-error a contract has no handler to list
  scope(render);
  // @ts-expect-error nor one to register
  registry.register(render);
  // @ts-expect-error a wrong field in a direct call
  void sendEmail({ too: "a" });
  // @ts-expect-error the parsed value is not what callers pass
  void task({ name: "t", input: Page }, () => 1)({ page: 1 });
}

export async function enqueue(): Promise<void> {
  expectTypeOf(await tasks.enqueue(sendEmail, { to: "a" }, { priority: 5 })).toEqualTypeOf<
    TaskHandle<{ messageId: string }>
  >();
  expectTypeOf((await tasks.enqueue(ping)).result()).resolves.toBeNumber();
  expectTypeOf((await tasks.enqueue(ping, undefined, { delay: "5m" })).result()).resolves.toBeNumber();
  expectTypeOf((await tasks.enqueue(render, { page: "1" })).result()).resolves.toEqualTypeOf<{
    url: string;
  }>();
  expectTypeOf(
    (await tasks.enqueue(sendEmail.s({ to: "a" }), { priority: 1 })).result(),
  ).resolves.toEqualTypeOf<{
    messageId: string;
  }>();
  expectTypeOf((await tasks.enqueue("by.name", { any: 1 })).result()).resolves.toBeUnknown();
  expectTypeOf(await tasks.tryEnqueue(ping)).toEqualTypeOf<Result<TaskHandle<number>, TaskQueueError>>();
  void tasks.enqueue(anything, { what: "ever" });
  expectTypeOf(tasks.within(context)).toEqualTypeOf<TaskDispatcher>();

  // @ts-expect-error a wrong field in the input
  void tasks.enqueue(sendEmail, { too: "a" });
  // @ts-expect-error no input at all
  void tasks.enqueue(sendEmail);
  // @ts-expect-error an input for a task without
  void tasks.enqueue(ping, { to: "a" });
  // @ts-expect-error a delay that is none
  void tasks.enqueue(ping, undefined, { delay: "5 minutes" });
  // @ts-expect-error an option that nobody knows
  void tasks.enqueue(ping, undefined, { dealy: "5m" });
  const widened = { delay: "5m" };
  // @ts-expect-error a widened variable
  void tasks.enqueue(ping, undefined, widened);
  void tasks.enqueue(ping, undefined, { delay: "5m" } satisfies EnqueueOptions);

  const result = await tasks.tryEnqueue(ping);
  // @ts-expect-error the value before ok was asked
  void result.value;
  if (!result.ok)
    switch (result.error.code) {
      case "LEX_ERR_TASK_QUEUE_FULL":
        expectTypeOf(result.error.fields.capacity).toBeNumber();
        break;
      // @ts-expect-error no such code
      case "LEX_ERR_TASK_NOTHING":
        break;
      default:
        break;
    }
  // @ts-expect-error only with tasks-postgres
  void context.transaction;
}

export async function enqueueMany(): Promise<void> {
  const [first, second, third] = await tasks.enqueueMany([
    { task: sendEmail, input: { to: "a" } },
    { task: ping, options: { delay: "5m" } },
    { task: "by.name", input: 1 },
  ]);
  if (first.ok) expectTypeOf(first.value.result()).resolves.toEqualTypeOf<{ messageId: string }>();
  if (second.ok) expectTypeOf(second.value.result()).resolves.toBeNumber();
  if (third.ok) expectTypeOf(third.value.result()).resolves.toBeUnknown();
  const many = await tasks.enqueueMany(["a", "b"].map((to) => ({ task: sendEmail, input: { to } })));
  expectTypeOf(many[0]!).toEqualTypeOf<Result<TaskHandle<{ messageId: string }>, TaskQueueError>>();

  // @ts-expect-error a wrong field in one of the inputs
  void tasks.enqueueMany([{ task: ping }, { task: sendEmail, input: { too: "a" } }]);
  // @ts-expect-error an input is missing
  void tasks.enqueueMany([{ task: sendEmail }]);
}

export function classes(): void {
  const calls = tasks.of(ReportTasks);
  expectTypeOf(calls.build({ month: "may" }, { priority: 1 })).resolves.toEqualTypeOf<
    TaskHandle<{ url: string }>
  >();
  expectTypeOf(calls.nightly()).resolves.toEqualTypeOf<TaskHandle<number>>();
  expectTypeOf(calls.nightly(undefined, { delay: "5m" })).resolves.toEqualTypeOf<TaskHandle<number>>();
  expectTypeOf<keyof typeof calls>().toEqualTypeOf<"build" | "nightly" | "render">();

  // @ts-expect-error a misspelt method
  void calls.bild({ month: "may" });
  // @ts-expect-error a wrong input
  void calls.build({ mouth: "may" });
  // @ts-expect-error a private method goes through a contract
  void calls.hidden();
}

export class Mistakes {
  // @ts-expect-error a method of another input
  @task({ name: "a", input: z.object({ month: z.string() }) })
  a(_input: { month: number }): void {}

  // @ts-expect-error the schema transforms: @handles(contract) is needed
  @task({ name: "b", input: Page })
  b(_input: { page: number }): void {}

  // @ts-expect-error a contract's method must return what it promises
  @handles(render)
  c(_input: { page: number }): { link: string } {
    return { link: "" };
  }

  // @ts-expect-error what is no contract
  @handles(sendEmail)
  d(_input: { to: string; copies: number }): void {}

  // @ts-expect-error a task without input is given the context alone
  @task({ name: "e" })
  e(_input: string): void {}
}
