import { silentLogger, systemClock, systemRandom, type TaskQueueProtocol } from "@lexigram/contracts";
import { TaskSignature } from "../define/task-signature.ts";
import { CodecRegistry } from "../job/codec-registry.ts";
import { DispatchCore } from "./dispatch-core.ts";
import { checkEnqueueOptions } from "./new-job.ts";
import { NO_HEADERS } from "./job-headers.ts";
import type { TaskHandle } from "./task-handle.ts";

/** Calls on one queue object share their round trips. */
const cores = new WeakMap<TaskQueueProtocol, DispatchCore>();

/**
 * Enqueues straight into a queue, without an application: no middleware and no events, and the queue that the task or
 * its options name does not count.
 */
export async function enqueueOn<O>(
  queue: TaskQueueProtocol,
  signature: TaskSignature<O>,
): Promise<TaskHandle<O>> {
  let core = cores.get(queue);
  if (core === undefined) {
    const target = { name: queue.name, queue };
    core = new DispatchCore(
      { codecs: new CodecRegistry(), clock: systemClock, random: systemRandom, logger: silentLogger },
      () => target,
    );
    cores.set(queue, core);
  }
  const { input, options } = signature;
  checkEnqueueOptions(options);
  const given = Object.keys(options).length === 0 ? undefined : options;
  const handle = await core.submit(TaskSignature.specOf(signature), input, given, NO_HEADERS, false);
  return handle as TaskHandle<O>;
}
