import { hostname } from "node:os";
import { TaskValidationError, UnsupportedError } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { describe, expect, onTestFinished, test } from "vitest";
import { memoryBackend, task, TaskDispatcher, TasksModule } from "../../src/index.ts";
import { rejection } from "./producer.ts";

/** An application on a machine, whose queue others share. */
async function machine(backend: ReturnType<typeof memoryBackend>, host: string) {
  const ran: string[] = [];
  const scan = task({ name: "scan" }, ({ job: { id } }) => void ran.push(id));
  const app = await Application.boot({
    modules: [
      TasksModule.configure({
        workerCount: 1,
        enableScheduler: false,
        backends: [
          { name: "files", backend },
          { name: "here", queueName: "files", host, backend },
        ],
      }),
      TasksModule.scope(scan),
    ],
    config: { logging: { level: "error" } },
  });
  onTestFinished(() => app.stop());
  return { ran, scan, dispatcher: app.get(TaskDispatcher) };
}

describe("a job for one machine", () => {
  test("waits for the workers of that machine alone", async () => {
    const backend = memoryBackend();
    const { ran, scan, dispatcher } = await machine(backend, "here");
    const [there, also] = [{ host: "there" }, { host: "there", priority: 9 }];
    const away = await dispatcher.enqueue(scan, undefined, there);
    await dispatcher.enqueueMany([{ task: scan, input: undefined, options: also }]);
    const own = await dispatcher.enqueue(scan, undefined, { host: "here" });
    const any = await dispatcher.enqueue(scan);
    await Promise.all([own.result(), any.result()]);
    expect(new Set(ran)).toEqual(new Set([own.id, any.id]));
    expect(away.queueName).toBe("files.there");
    expect(await backend.queue("files.there").getTaskCount()).toBe(2);
    expect(await away.status()).toBe("pending");
  });

  test("finds this machine by localhost, whatever it is called", async () => {
    const backend = memoryBackend();
    const { ran, scan, dispatcher } = await machine(backend, "localhost");
    const handle = await dispatcher.enqueue(scan, undefined, { host: "localhost" });
    const byName = await dispatcher.enqueue(scan, undefined, { host: hostname() });
    await Promise.all([handle.result(), byName.result()]);
    expect(ran.length).toBe(2);
    expect(handle.queueName).toBe(`files.${hostname()}`);
  });

  test("is refused for a name that no machine has, by the field", async () => {
    const { scan, dispatcher } = await machine(memoryBackend(), "here");
    for (const host of ["", "-a", "a b", "a".repeat(65), 5 as never]) {
      const error = await rejection(dispatcher.enqueue(scan, undefined, { host }));
      expect(error).toBeInstanceOf(TaskValidationError);
      expect((error as TaskValidationError).fields.issues).toMatchObject([{ path: "host" }]);
    }
  });

  test("joins no transaction where its store has none", async () => {
    const { scan, dispatcher } = await machine(memoryBackend(), "here");
    const error = await rejection(dispatcher.enqueue(scan, undefined, { host: "here", transaction: {} }));
    expect(error).toBeInstanceOf(UnsupportedError);
  });

  test("is refused for an entry under a name that no machine has", () => {
    expect(() => TasksModule.configure({ backends: [{ name: "files", host: "no host" }] })).toThrow(
      /host: must be the name of a machine/,
    );
  });
});
