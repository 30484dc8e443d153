import { TaskConfigError } from "@lexigram/contracts";

/**
 * A thread can end its process only by a signal, and the kernel keeps the first process of a container from its own.
 *
 * @throws TaskConfigError for such a process.
 */
export function requireMortal(pid: number): void {
  if (pid !== 1) return;
  throw new TaskConfigError(
    'tasks.worker.onBlocked is "exit", and a process with the id 1 cannot end itself while its event loop is blocked',
    { path: "tasks.worker.onBlocked" },
    { hint: "start it under an init process, as by docker run --init, or leave onBlocked at warn" },
  );
}
