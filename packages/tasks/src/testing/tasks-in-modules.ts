import { type DynamicModule, moduleOptionsOf, type ModuleRef } from "@lexigram/kernel";
import { TasksModule } from "../tasks-module.ts";

const isDynamic = (ref: ModuleRef): ref is DynamicModule => typeof ref === "object";

/** Whether one of the modules, or one that they import, is the configured module of tasks. */
export function bringTasks(modules: readonly ModuleRef[], seen = new Set<ModuleRef>()): boolean {
  return modules.some((ref) => {
    if (seen.has(ref)) return false;
    seen.add(ref);
    if ((isDynamic(ref) ? ref.module : ref) === TasksModule) return true;
    const options = isDynamic(ref) ? ref : moduleOptionsOf(ref);
    return bringTasks(options?.imports ?? [], seen);
  });
}
