import type { Subject } from "./subject.ts";
import { fastqMemory } from "./systems/fastq-memory.ts";
import { oursMemory } from "./systems/ours-memory.ts";
import { pQueueMemory } from "./systems/p-queue-memory.ts";
import { plainMemory } from "./systems/plain-memory.ts";

/** Every system by store. A variant has a key of its own; rivals that keep no records are compared with `keepCompleted: 0`. */
export const SYSTEMS: Readonly<Record<string, Readonly<Record<string, Subject>>>> = {
  memory: {
    plain: plainMemory,
    ours: oursMemory(),
    "ours, keepCompleted: 0": oursMemory({ label: "keepCompleted: 0", keepCompleted: 0 }),
    fastq: fastqMemory,
    "p-queue": pQueueMemory,
  },
};

/** @param key `store/name`, as the driver names it. */
export function findSubject(key: string): Subject {
  const [store = "", name = ""] = key.split("/", 2);
  const subject = SYSTEMS[store]?.[name];
  if (subject === undefined) throw new Error(`there is no system ${key}`);
  return subject;
}
