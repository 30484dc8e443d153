import { TaskConfigError } from "@lexigram/contracts";
import type { LockManager } from "./lock-manager.ts";

const running = new Set<LockManager>();

/** Lets `distributedLock(...)` find an application. Called when one boots; disposing ends it. */
export function serveLocks(locks: LockManager): Disposable {
  running.add(locks);
  return { [Symbol.dispose]: () => void running.delete(locks) };
}

/** @throws TaskConfigError unless exactly one application runs in this process. */
export function runningLocks(): LockManager {
  const [first, second] = running;
  if (first !== undefined && second === undefined) return first;
  throw new TaskConfigError(
    first === undefined
      ? "distributedLock() finds no running application whose locks it could take"
      : `distributedLock() cannot choose between the locks of ${running.size} running applications`,
    { path: "lockManager" },
    { hint: "pass lockManager, or a function that gives it from the object a method is called on" },
  );
}
