import { QueueNotFoundError, TaskConfigError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { QueueSet } from "../../src/dispatch/queue-set.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { bindingOf } from "./producer.ts";

const backend = memoryBackend();
const binding = (name: string, primary = false): ReturnType<typeof bindingOf> =>
  bindingOf(backend, backend.queue(name), { primary });

describe("a queue set", () => {
  test("takes the marked queue for the primary, else the first", () => {
    expect(new QueueSet([binding("a"), binding("b")]).primary.name).toBe("a");
    expect(new QueueSet([binding("a"), binding("b", true)]).primary.name).toBe("b");
  });

  test('answers "default" with the primary, unless a queue has that name', () => {
    expect(new QueueSet([binding("a"), binding("b", true)]).get("default").name).toBe("b");
    expect(new QueueSet([binding("a", true), binding("default")]).get("default").name).toBe("default");
  });

  test("knows its names, and refuses others with the nearest", () => {
    const queues = new QueueSet([binding("emails"), binding("reports")]);
    expect(queues.all().map(({ name }) => name)).toEqual(["emails", "reports"]);
    expect(() => queues.get("email")).toThrow(QueueNotFoundError);
    expect(() => queues.get("email")).toThrow('there is no queue "email"');
    try {
      queues.get("nothing like it");
    } catch (error) {
      expect((error as QueueNotFoundError).fields.known).toEqual(["emails", "reports"]);
    }
  });

  test("refuses two primaries, two of one name, and none", () => {
    expect(() => new QueueSet([binding("a", true), binding("b", true)])).toThrow(
      'two queues are primary: "a" and "b"',
    );
    expect(() => new QueueSet([binding("a"), binding("a")])).toThrow(TaskConfigError);
    expect(() => new QueueSet([])).toThrow(TaskConfigError);
  });

  test("tells of queues that are added later", () => {
    const queues = new QueueSet([binding("a")]);
    const heard: string[] = [];
    const listening = queues.onAdded(({ name }) => heard.push(name));
    queues.add(binding("b"));
    listening[Symbol.dispose]();
    queues.add(binding("c"));
    expect(heard).toEqual(["b"]);
    expect(queues.get("c").name).toBe("c");
    expect(() => queues.add(binding("b"))).toThrow('two queues are named "b"');
    expect(() => queues.add(binding("d", true))).toThrow('queue "d" cannot be primary: "a" is');
  });
});
