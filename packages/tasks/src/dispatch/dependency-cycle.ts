import { type JobId, TaskDependencyCycleError } from "@lexigram/contracts";
import type { EnqueueOptions } from "./enqueue-options.ts";

/**
 * Refuses jobs that would wait for each other for ever. A queue takes a job only when it knows what the job depends on, so
 * there is no circle but among jobs that are enqueued together, or of a job with itself.
 *
 * @throws TaskDependencyCycleError naming the circle.
 */
export function refuseCycles(jobs: readonly { readonly options: EnqueueOptions | undefined }[]): void {
  const after = new Map<JobId, readonly JobId[]>();
  for (const { options } of jobs)
    if (options?.id !== undefined && Array.isArray(options.dependsOn))
      after.set(options.id, options.dependsOn);
  const done = new Set<JobId>();
  for (const start of after.keys()) {
    const path: JobId[] = [];
    const open: { readonly id: JobId; next: number }[] = [{ id: start, next: 0 }];
    const isOpen = new Set<JobId>([start]);
    while (open.length > 0) {
      const top = open.at(-1) as (typeof open)[number];
      path[open.length - 1] = top.id;
      const id = done.has(top.id) ? undefined : after.get(top.id)?.[top.next++];
      if (id === undefined) {
        done.add(top.id);
        isOpen.delete(top.id);
        open.pop();
        continue;
      }
      if (isOpen.has(id)) {
        const circle = path.slice(0, open.length);
        throw new TaskDependencyCycleError({ cycle: [...circle.slice(circle.indexOf(id)), id] });
      }
      isOpen.add(id);
      open.push({ id, next: 0 });
    }
  }
}
