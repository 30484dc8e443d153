import { LexigramError, silentLogger, token, type Token } from "@lexigram/contracts";
import { Application, inject, injectable, module, type ModuleRef, provide } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { task, type TaskDispatcher, TasksModule, type TasksOptions } from "../../src/index.ts";
import { createTestApp } from "../../src/testing.ts";

// Whatever a user gets wrong is answered by a typed error that names the field and says what to do.

const configure = (options: unknown): unknown => TasksModule.configure(options as TasksOptions);
const boot = (...modules: ModuleRef[]): Promise<unknown> =>
  Application.boot({ modules, logger: silentLogger, configFile: false, env: {} });

/** What was thrown, and when the kernel says in which provider, what that provider threw. */
async function refusal(act: () => unknown): Promise<LexigramError> {
  try {
    await act();
  } catch (error) {
    const { code, cause } = error as LexigramError;
    const found = code === "LEX_ERR_PROVIDER_BOOT" ? cause : error;
    expect(found).toBeInstanceOf(LexigramError);
    return found as LexigramError;
  }
  throw new Error("nothing was refused");
}

const note = task({ name: "note", input: z.object({ text: z.string() }) }, () => undefined);
const open = task({ name: "open", input: z.any() }, () => undefined);

async function enqueued(
  definition: typeof open | typeof note,
  input: unknown,
  options: object = {},
): Promise<void> {
  await using t = await createTestApp({ tasks: [note, open], config: { payload: { maxBytes: 1_000 } } });
  await t.tasks.enqueue(definition as typeof open, input, options);
}

async function dispatching(act: (tasks: TaskDispatcher) => unknown): Promise<void> {
  await using t = await createTestApp({ tasks: [note, open] });
  await act(t.tasks);
}

interface Secret {
  readonly value: string;
}
const Secret: Token<Secret> = token("BadInput.Secret");

@module({ providers: [provide(Secret, { useValue: { value: "x" } })] })
class Keeper {}

@injectable()
class Reader {
  constructor(@inject(Secret) readonly secret: Secret) {}
  @task({ name: "read" }) read(): string {
    return this.secret.value;
  }
}

class First {}
class Second {}
module({ imports: [Second] })(First);
module({ imports: [First] })(Second);

describe("bad input", () => {
  test.each<[what: string, act: () => unknown, code: string, field: RegExp, hint: RegExp]>([
    [
      "an unknown option",
      () => configure({ wokerCount: 1 }),
      "LEX_ERR_TASK_CONFIG",
      /wokerCount/,
      /workerCount/,
    ],
    [
      "an unknown option of a test's module",
      () => TasksModule.testing({ mod: "inline" } as never),
      "LEX_ERR_TASK_CONFIG",
      /mod/,
      /mode/,
    ],
    [
      "an unknown option of a task in a variable",
      () => {
        const options = { name: "x", timout: 5 };
        return task(options, () => undefined);
      },
      "LEX_ERR_TASK_CONFIG",
      /timout/,
      /timeout/,
    ],
    [
      "a bad duration",
      () => configure({ config: { worker: { lease: "5 minutes" } } }),
      "LEX_ERR_TASK_CONFIG",
      /tasks\.worker\.lease/,
      /"30s"/,
    ],
    [
      "a bad duration of an enqueue",
      () => enqueued(note, { text: "x" }, { delay: "soon" }),
      "LEX_ERR_TASK_VALIDATION",
      /delay/,
      /"30s"/,
    ],
    [
      "a negative number of workers",
      () => configure({ workerCount: -1 }),
      "LEX_ERR_TASK_CONFIG",
      /tasks\.worker\.workerCount/,
      /./,
    ],
    [
      "a queue and backends",
      () => configure({ queue: { name: "q" }, backends: [{ name: "q" }] }),
      "LEX_ERR_TASK_CONFIG",
      /queue/,
      /among backends/,
    ],
    [
      "two primaries",
      () =>
        configure({
          backends: [
            { name: "a", primary: true },
            { name: "b", primary: true },
          ],
        }),
      "LEX_ERR_TASK_CONFIG",
      /tasks\.backends\.1\.primary/,
      /one entry/,
    ],
    [
      "a duplicate queue name",
      () => configure({ backends: [{ name: "a" }, { name: "a" }] }),
      "LEX_ERR_TASK_CONFIG",
      /tasks\.backends\.1\.name/,
      /own name/,
    ],
    [
      "a duplicate task name",
      () =>
        boot(
          TasksModule.configure(),
          TasksModule.scope(note),
          TasksModule.scope(task({ name: "note" }, () => 1)),
        ),
      "LEX_ERR_TASK_REGISTRATION",
      /note/,
      /another name/,
    ],
    [
      "a module configured twice",
      () => boot(TasksModule.configure(), TasksModule.configure({ workerCount: 2 })),
      "LEX_ERR_MODULE_DUPLICATE",
      /TasksModule/,
      /once/,
    ],
    [
      "cyclic modules",
      () => boot(TasksModule.configure(), First),
      "LEX_ERR_MODULE_CYCLE",
      /First.*Second/,
      /third module/,
    ],
    [
      "an unexported token",
      () => boot(TasksModule.configure(), Keeper, TasksModule.scope(Reader)),
      "LEX_ERR_MODULE_VISIBILITY",
      /BadInput\.Secret/,
      /exports/,
    ],
    [
      "a dependency that nobody provides",
      () => boot(TasksModule.configure(), TasksModule.scope(Reader)),
      "LEX_ERR_CONTAINER_MISSING",
      /BadInput\.Secret/,
      /provide/,
    ],
    [
      "a contract without a handler",
      () => TasksModule.scope(task({ name: "contract" }) as never),
      "LEX_ERR_TASK_REGISTRATION",
      /contract/,
      /@handles/,
    ],
    [
      "a class without tasks",
      () => TasksModule.scope(class Idle {}),
      "LEX_ERR_TASK_REGISTRATION",
      /Idle/,
      /@task/,
    ],
    [
      "what is neither task nor class",
      () => TasksModule.scope(undefined as never),
      "LEX_ERR_TASK_REGISTRATION",
      /entry 0/,
      /circular import/,
    ],
    [
      "an unknown mode of a test",
      () => TasksModule.testing({ mode: "auto" as never }),
      "LEX_ERR_TASK_CONFIG",
      /mode/,
      /./,
    ],
    ["an invalid payload", () => enqueued(note, { text: 1 }), "LEX_ERR_TASK_VALIDATION", /text/, /./],
    [
      "a payload that is no data",
      () => enqueued(open, { at: () => 1 }),
      "LEX_ERR_TASK_VALIDATION",
      /at/,
      /plain data/,
    ],
    [
      "a payload that is too large",
      () => enqueued(open, "x".repeat(5_000)),
      "LEX_ERR_TASK_VALIDATION",
      /bytes/,
      /reference/,
    ],
    ...[null, 5, "x", [1]].flatMap((wrong): [string, () => unknown, string, RegExp, RegExp][] => [
      [
        `${JSON.stringify(wrong)} for a module's options`,
        () => configure(wrong),
        "LEX_ERR_TASK_CONFIG",
        /"path":"options"/,
        /object/,
      ],
      [
        `${JSON.stringify(wrong)} for the options of a test's module`,
        () => TasksModule.testing(wrong as never),
        "LEX_ERR_TASK_CONFIG",
        /"path":"options"/,
        /object/,
      ],
      [
        `${JSON.stringify(wrong)} for a task's options`,
        () => task(wrong as never, () => undefined),
        "LEX_ERR_TASK_CONFIG",
        /"path":"options"/,
        /object/,
      ],
      [
        `${JSON.stringify(wrong)} for what is listed`,
        () => TasksModule.scope(wrong as never),
        "LEX_ERR_TASK_REGISTRATION",
        /entry 0/,
        /list what/,
      ],
      [
        `${JSON.stringify(wrong)} for a call's options`,
        () => enqueued(open, 1, wrong as never),
        "LEX_ERR_TASK_VALIDATION",
        /"path":"options"/,
        /input comes first/,
      ],
      [
        `${JSON.stringify(wrong)} for a description's options`,
        () => dispatching((tasks) => tasks.enqueue(open.s(1, wrong as never))),
        "LEX_ERR_TASK_VALIDATION",
        /"path":"options"/,
        /./,
      ],
      [
        `${JSON.stringify(wrong)} for a job of many`,
        () => dispatching((tasks) => tasks.enqueueMany([{ task: open, input: 1 }, wrong as never])),
        "LEX_ERR_TASK_VALIDATION",
        /"path":"1"/,
        /array/,
      ],
      [
        `${JSON.stringify(wrong)} for a class of tasks`,
        () => dispatching((tasks) => tasks.of(wrong as never)),
        "LEX_ERR_TASK_VALIDATION",
        /"path":"owner"/,
        /@task/,
      ],
      ...["retry", "unique", "barrier", "headers", "labels"].map(
        (option): [string, () => unknown, string, RegExp, RegExp] => [
          `${JSON.stringify(wrong)} for the option ${option} of a call`,
          () => enqueued(open, 1, { [option]: wrong }),
          "LEX_ERR_TASK_VALIDATION",
          new RegExp(`"path":"${option}"`),
          /give/,
        ],
      ),
    ]),
    ...[null, 5, {}].flatMap((wrong): [string, () => unknown, string, RegExp, RegExp][] => [
      [
        `${JSON.stringify(wrong)} for many jobs`,
        () => dispatching((tasks) => tasks.enqueueMany(wrong as never)),
        "LEX_ERR_TASK_VALIDATION",
        /"path":"jobs"/,
        /array/,
      ],
      [
        `${JSON.stringify(wrong)} for the queue of a call`,
        () => enqueued(open, 1, { queue: wrong }),
        "LEX_ERR_TASK_VALIDATION",
        /"path":"queue"/,
        /./,
      ],
    ]),
    ...[
      { wrong: null, name: "null" },
      { wrong: Number.NaN, name: "NaN" },
      { wrong: {}, name: "object" },
    ].map(({ wrong, name }): [string, () => unknown, string, RegExp, RegExp] => [
      `${name} for a span of time`,
      () => enqueued(open, 1, { delay: wrong }),
      "LEX_ERR_TASK_VALIDATION",
      new RegExp(`"path":"delay".*not ${name}`),
      /"30s"/,
    ]),
    [
      "a queue and a dispatcher that are neither",
      () => open.applyAsync(null as never, 1),
      "LEX_ERR_TASK_VALIDATION",
      /"path":"target"/,
      /dispatcher/,
    ],
    [
      "a unique key held until null",
      () => enqueued(open, 1, { unique: { key: "k", until: null } }),
      "LEX_ERR_TASK_VALIDATION",
      /"path":"unique\.until"/,
      /./,
    ],
    ...[
      () => {
        throw new RangeError("broke");
      },
      () => Promise.reject(new RangeError("broke")),
      () => null,
    ].map((validate): [string, () => unknown, string, RegExp, RegExp] => [
      `an input whose schema does ${String(validate).replace(/\s+/g, " ")}`,
      () => {
        const input = { "~standard": { version: 1, vendor: "test", validate } } as never;
        return dispatching((tasks) => tasks.enqueue(task({ name: "judged", input }), 1 as never));
      },
      "LEX_ERR_TASK_VALIDATION",
      /the input of task \\"judged\\"/,
      /cause/,
    ]),
    [
      "a queue that is not there",
      () => enqueued(note, { text: "x" }, { queue: "tsks" }),
      "LEX_ERR_TASK_QUEUE_NOT_FOUND",
      /tsks/,
      /"tasks"/,
    ],
  ])("%s is refused", async (_what, act, code, field, hint) => {
    const error = await refusal(act);
    expect(error.code).toBe(code);
    expect(`${JSON.stringify(error.fields)} ${error.message}`).toMatch(field);
    expect(error.hint).toMatch(hint);
  });
});
