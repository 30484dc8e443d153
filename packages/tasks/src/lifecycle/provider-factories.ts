import type { TaskConfig } from "../config/task-config.ts";
import type { TaskConfigOptions } from "../config/task-config-options.ts";
import { TaskProvider } from "../tasks-provider.ts";

/** A provider whose jobs stay in memory. @param options `workerCount`: default 1. */
export function createMemoryTaskProvider(options: { readonly workerCount?: number } = {}): TaskProvider {
  return new TaskProvider({ ...options, config: { backend: { type: "memory" } } });
}

/** A provider from a whole configuration. @throws TaskConfigError */
export function createProviderFromConfig(config: TaskConfig | TaskConfigOptions): TaskProvider {
  return TaskProvider.fromConfig(config);
}
