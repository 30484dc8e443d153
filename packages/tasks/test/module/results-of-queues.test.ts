import { silentLogger, type TaskBackend } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  CacheBackendResultStore,
  memoryBackend,
  type NamedBackendOptions,
  ResultStore,
  task,
  TaskDispatcher,
  TasksModule,
} from "../../src/index.ts";
import { resultless } from "../dispatch/resultless-queue.ts";

/** A backend whose queues keep no results; without state of its own when told so. */
function withoutResults(hasState: boolean): TaskBackend {
  const { state, ...backend } = memoryBackend();
  return {
    ...backend,
    queue: (...args) => resultless(backend.queue(...args), false),
    ...(hasState && state !== undefined ? { state } : {}),
  };
}

const twice = task({ name: "twice", input: z.number() }, (n) => 2 * n);
const mail = task({ name: "mail", queue: "mails", input: z.number() }, (n) => -n);

const boot = (backends: readonly NamedBackendOptions[]): Promise<Application> =>
  Application.boot({
    modules: [TasksModule.configure({ backends }), TasksModule.scope(twice, mail)],
    logger: silentLogger,
    configFile: false,
    env: {},
  });

const stored = async ({ state }: TaskBackend, id: string): Promise<unknown> =>
  (await new CacheBackendResultStore(state!).get(id))?.value;

describe("the results of queues that keep none", () => {
  test("are each in the state store of their own backend, where handles read them", async () => {
    const [main, mails] = [withoutResults(true), withoutResults(true)];
    await using app = await boot([
      { name: "main", primary: true, backend: main },
      { name: "mails", backend: mails },
    ]);
    const tasks = app.get(TaskDispatcher);
    const [a, b] = [await tasks.enqueue(twice, 1), await tasks.enqueue(mail, 1)];
    expect([await a.result({ timeout: "5s" }), await b.result({ timeout: "5s" })]).toEqual([2, -1]);
    expect([await stored(main, a.id), await stored(mails, b.id)]).toEqual([2, -1]);
    expect(await stored(mails, a.id)).toBeUndefined();
    expect(await app.get(ResultStore).get(a.id)).toMatchObject({ value: 2 });
  });

  test("are in the store of the entry that `state` names", async () => {
    const [main, mails] = [memoryBackend(), withoutResults(false)];
    await using app = await boot([
      { name: "main", primary: true, backend: main },
      { name: "mails", backend: mails, state: "main" },
    ]);
    const handle = await app.get(TaskDispatcher).enqueue(mail, 2);
    expect(await handle.result({ timeout: "5s" })).toBe(-2);
    expect(await stored(main, handle.id)).toBe(-2);
  });

  test("are in the memory of the process where nothing keeps state", async () => {
    await using app = await boot([
      { name: "main", primary: true, backend: memoryBackend() },
      { name: "mails", backend: withoutResults(false) },
    ]);
    const handle = await app.get(TaskDispatcher).enqueue(mail, 3);
    expect(await handle.result({ timeout: "5s" })).toBe(-3);
  });
});
