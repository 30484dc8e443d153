import type { TaskProvider } from "../tasks-provider.ts";
import type { TaskRuntime } from "./task-runtime.ts";

/** What booted providers run, for the test kit alone; users get the services by their tokens. */
export const runtimes = new WeakMap<TaskProvider, TaskRuntime>();
