import { TaskNotFoundError, TaskRegistrationError, TaskValidationError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HandlerRegistry, positional } from "../../src/define/handler-registry.ts";
import { handles, task } from "../../src/define/task.ts";
import { inputOf } from "../../src/job/payload-input.ts";
import type { TaskContext } from "../../src/worker/task-context.ts";
import { RecordingLogger, rejection } from "../dispatch/producer.ts";

const Add = z.object({ a: z.number(), b: z.number().default(1) });
const add = task({ name: "add", input: Add }, ({ a, b }) => a + b);

class Base {
  readonly factor: number = 2;
  @task({ input: z.object({ n: z.number() }) })
  scale(input: { n: number }): number {
    return input.n * this.factor;
  }
  @task({ name: "base.secret" })
  protected hidden(ctx: TaskContext): string {
    return `hidden ${ctx.job.task} of ${this.factor}`;
  }
}
class Derived extends Base {
  override readonly factor = 10;
  @task({})
  own(): string {
    return "own";
  }
}

function registryOf(...classes: (new () => object)[]): HandlerRegistry {
  const registry = new HandlerRegistry({ resolve: (owner) => new (owner as new () => object)() });
  for (const one of classes) registry.registerClass(one);
  return registry;
}

describe("a handler registry", () => {
  test("runs definitions, functions and bound contracts by name, with validation", async () => {
    const contract = task({ name: "greet", input: z.object({ to: z.string() }) });
    const registry = new HandlerRegistry();
    registry.register(add);
    registry.register("echo", (input) => input);
    registry.registerHandler("later", async () => "done");
    registry.register(contract, ({ to }) => `hello ${to}`);
    expect(await registry.execute({ name: "add", input: { a: 1 } })).toBe(2);
    expect(await registry.execute({ name: "echo", input: [1] })).toEqual([1]);
    expect(await registry.execute({ name: "later" })).toBe("done");
    expect(await registry.execute({ name: "greet", input: { to: "you" } })).toBe("hello you");
    expect(await rejection(registry.execute({ name: "add", input: {} }))).toBeInstanceOf(TaskValidationError);
  });

  test("checks a plain function's options, and its input by their schema", async () => {
    const registry = new HandlerRegistry();
    registry.register("sized", (input) => input, { input: z.string().max(2) });
    expect(await rejection(registry.execute({ name: "sized", input: "long" }))).toBeInstanceOf(
      TaskValidationError,
    );
    expect(() => registry.register("other", () => 1, { priority: 99 })).toThrow("priority");
  });

  test("tells an unknown name with those it knows, the nearest first", async () => {
    const registry = new HandlerRegistry();
    registry.register(add);
    const error = (await rejection(registry.execute({ name: "ad" }))) as TaskNotFoundError;
    expect(error).toBeInstanceOf(TaskNotFoundError);
    expect(error.fields).toEqual({ task: "ad", known: ["add"] });
    expect(error.hint).toBe('did you mean "add"? registered tasks: add');
    expect(await rejection(new HandlerRegistry().execute({ name: "x" }))).toMatchObject({
      hint: expect.stringContaining("registered tasks: none"),
    });
  });

  test("gives a name once", () => {
    const registry = registryOf(Base);
    registry.register(add);
    expect(() => registry.register(task({ name: "add" }, () => 1))).toThrow(TaskRegistrationError);
    expect(() => registry.register("base.secret", () => 1)).toThrow(
      'the name "base.secret" is taken by Base.hidden, so a function registered as "base.secret" cannot have it',
    );
  });

  test("says when a thing is registered twice, instead of who took its name", () => {
    const registry = registryOf(Base);
    registry.register(add);
    const listener = (): void => {};
    registry.register("listen", listener);
    for (const again of [
      () => registry.register(add),
      () => registry.register("listen", listener),
      () => registry.registerClass(Base),
    ])
      expect(again).toThrow(/^task ".+" is registered twice$/);
    registry.remove("add");
    registry.register(add);
  });

  test("sees what is registered late, and forgets what is removed", () => {
    const registry = new HandlerRegistry();
    expect(registry.lookup("add")).toBeUndefined();
    registry.register(add);
    expect(registry.lookup("add")).toMatchObject({ kind: "function", name: "add", takesInput: true });
    expect(registry.remove("add")).toBe(true);
    expect(registry.remove("add")).toBe(false);
    expect(registry.getHandler("add")).toBeUndefined();
  });

  test("tells who listens of each registration", () => {
    const registry = new HandlerRegistry();
    const heard: string[] = [];
    const listening = registry.onRegister(({ name }) => heard.push(name));
    registry.register(add);
    listening[Symbol.dispose]();
    registry.register("other", () => 1);
    expect(heard).toEqual(["add"]);
  });

  test("lists what it holds", () => {
    const registry = registryOf(Base);
    registry.register(add);
    expect(registry.names()).toEqual(["Base.scale", "add", "base.secret"]);
    expect(registry.toJSON().tasks[0]).toEqual({
      name: "Base.scale",
      kind: "method",
      queue: "default",
      handler: "Base.scale",
    });
  });

  test("refuses what has no handler", () => {
    const registry = new HandlerRegistry();
    const contract = task({ name: "contract" });
    expect(() => registry.register(contract as never)).toThrow('task "contract" has no handler');
    expect(() => registry.register("name", undefined as never)).toThrow(TaskRegistrationError);
    expect(() => registry.register((() => 1) as never)).toThrow(TaskRegistrationError);
  });

  test("warns once of a key that every input shares", () => {
    const logger = new RecordingLogger();
    const registry = new HandlerRegistry({ logger });
    registry.register(task({ name: "constant", idempotencyKey: "same" }, () => 1));
    registry.register(task({ name: "computed", input: Add, idempotencyKey: ({ a }) => `${a}` }, () => 1));
    expect(logger.lines).toEqual([
      {
        level: "warn",
        message: expect.stringContaining("constant idempotencyKey"),
        fields: expect.objectContaining({ task: "constant" }),
      },
    ]);
  });
});

describe("tasks of classes", () => {
  test("are methods on an instance that is made for the call", async () => {
    const registry = registryOf(Base);
    expect(await registry.execute({ name: "Base.scale", input: { n: 3 } })).toBe(6);
    expect(await registry.execute({ name: "base.secret" })).toBe("hidden base.secret of 2");
    expect(registry.lookup("Base.scale")).toMatchObject({ kind: "method", owner: Base, method: "scale" });
  });

  test("are inherited, under the name of the class that is registered", async () => {
    const registry = registryOf(Derived);
    expect(registry.names()).toEqual(["Derived.own", "Derived.scale", "base.secret"]);
    expect(await registry.execute({ name: "Derived.scale", input: { n: 3 } })).toBe(30);
    expect(registryOf(Base).names()).not.toContain("Base.own");
  });

  test("may be overridden, with or without a decorator", async () => {
    class Louder extends Base {
      override scale(input: { n: number }): number {
        return super.scale(input) + 100;
      }
    }
    class Renamed extends Base {
      @task({ name: "renamed", input: z.object({ n: z.number() }) })
      override scale(input: { n: number }): number {
        return -input.n;
      }
    }
    expect(await registryOf(Louder).execute({ name: "Louder.scale", input: { n: 1 } })).toBe(102);
    expect(registryOf(Renamed).names()).toEqual(["base.secret", "renamed"]);
  });

  test("get the parsed input under a contract", async () => {
    const contract = task({ name: "render", input: z.object({ page: z.string().transform(Number) }) });
    class Renderer {
      @handles(contract)
      async render(input: { page: number }, ctx: TaskContext): Promise<string> {
        return `${typeof input.page} ${input.page} ${ctx.attempt}`;
      }
    }
    expect(await registryOf(Renderer).execute({ name: "render", input: { page: "4" } })).toBe("number 4 1");
  });

  test("are refused where the class has none, and then none is registered", () => {
    class Empty {
      nothing(): void {}
    }
    expect(() => registryOf(Empty)).toThrow("class Empty has no task");
    const registry = new HandlerRegistry();
    registry.register("base.secret", () => 1);
    expect(() => registry.registerClass(Base)).toThrow(TaskRegistrationError);
    expect(registry.names()).toEqual(["base.secret"]);
  });

  test("need something that makes instances", async () => {
    const registry = new HandlerRegistry();
    registry.registerClass(Base);
    expect(await rejection(registry.execute({ name: "base.secret" }))).toMatchObject({
      message: "nothing makes instances of Base",
    });
    registry.resolveWith(() => new Base());
    expect(await registry.execute({ name: "base.secret" })).toBe("hidden base.secret of 2");
  });

  test("are checked where the class is defined", () => {
    expect(() => {
      class Wrong {
        @task({ priority: 50 })
        run(): void {}
      }
      return Wrong;
    }).toThrow("priority");
    expect(() => {
      class Static {
        @task({ name: "static" })
        static run(): void {}
      }
      return Static;
    }).toThrow("Static.run cannot be a task: it is static");
    expect(() => {
      class Twice {
        @task({ name: "one" })
        @task({ name: "two" })
        run(): void {}
      }
      return Twice;
    }).toThrow("Twice.run is decorated as a task twice");
    expect(() => {
      class Accessor {
        @(task({ name: "accessor" }) as MethodDecorator)
        get value(): number {
          return 1;
        }
      }
      return Accessor;
    }).toThrow("Accessor.value cannot be a task: it is no method");
  });
});

describe("a positional handler", () => {
  const join = positional((ctx: TaskContext, ...args: unknown[]) => [ctx.job.task, ...args]);

  test("gets the arguments of producers that send args and kwargs", async () => {
    const registry = new HandlerRegistry();
    registry.register("join", join);
    const run = (envelope: object): Promise<unknown> =>
      registry.execute({ name: "join", input: inputOf({ v: 1, ...envelope }) });
    expect(await run({ args: [1, 2] })).toEqual(["join", 1, 2]);
    expect(await run({ args: [1], kwargs: { b: 2 } })).toEqual(["join", 1, { b: 2 }]);
    expect(await run({ kwargs: { b: 2 } })).toEqual(["join", { b: 2 }]);
    expect(await run({ args: [] })).toEqual(["join"]);
    expect(await run({ input: { x: 1 } })).toEqual(["join", { x: 1 }]);
  });
});
