import { DuplicateTaskError, type Result, type TaskQueueError } from "@lexigram/contracts";

/**
 * What a queue answered, with a hint that names the options of an enqueue which fit what collided. A hint of the store's
 * own stays.
 */
export function withHint<T>(result: Result<T, TaskQueueError>): Result<T, TaskQueueError> {
  if (result.ok || !(result.error instanceof DuplicateTaskError)) return result;
  const { fields, cause, hint: said } = result.error;
  if (said !== new DuplicateTaskError(fields).hint) return result;
  const hint =
    fields.key === undefined
      ? "wait for that job, choose another id, or enqueue with an idempotencyKey, which answers with the job that is there"
      : 'wait for that job, choose another key, or let unique say onConflict: "existing", which answers with that job';
  return { ok: false, error: new DuplicateTaskError(fields, { hint, cause }) };
}
