import type { DynamicModule, ModuleOptions, ModuleRef } from "@lexigram/kernel";
import { TasksModule } from "../tasks-module.ts";

// Where the kernel's decorator keeps a module's options; a registered symbol, which two copies of it share.
const OPTIONS = Symbol.for("@lexigram/kernel/module");

const isDynamic = (ref: ModuleRef): ref is DynamicModule => typeof ref === "object";

/** Whether one of the modules, or one that they import, is the configured module of tasks. */
export function bringTasks(modules: readonly ModuleRef[], seen = new Set<ModuleRef>()): boolean {
  return modules.some((ref) => {
    if (seen.has(ref)) return false;
    seen.add(ref);
    if ((isDynamic(ref) ? ref.module : ref) === TasksModule) return true;
    const options = isDynamic(ref)
      ? ref
      : (Reflect.getOwnMetadata(OPTIONS, ref) as ModuleOptions | undefined);
    return bringTasks(options?.imports ?? [], seen);
  });
}
