import {
  type HealthCheckResult,
  redact,
  type TaskBackend,
  type TaskQueueProtocol,
} from "@lexigram/contracts";

/** Whether something that was given as a queue is a backend, which makes queues. */
export function isBackend(given: TaskBackend | TaskQueueProtocol): given is TaskBackend {
  return typeof (given as TaskBackend).queue === "function";
}

/** A backend of one queue that was made elsewhere, whatever name it is asked for. It keeps no state. */
export function queueAsBackend(queue: TaskQueueProtocol): TaskBackend {
  return {
    type: "queue",
    queue: () => queue,
    async health(): Promise<HealthCheckResult> {
      const component = `queue "${queue.name}"`;
      try {
        await queue.getTaskCount();
        return { component, status: "healthy" };
      } catch (error) {
        return { component, status: "unhealthy", message: redact(String(error)) };
      }
    },
    close: () => queue.close(),
  };
}
