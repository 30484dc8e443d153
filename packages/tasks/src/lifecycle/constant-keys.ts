import type { Logger } from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";

/** Warns of tasks whose idempotency key is the same for all inputs, of which one a day would run. */
export function warnOfConstantKeys(handlers: HandlerRegistry, logger: Logger): void {
  const tasks = handlers.names().filter((name) => handlers.lookup(name)?.policy.constantKey === true);
  if (tasks.length > 0)
    logger.warn("the idempotency key of a task is the same for all its inputs: one job runs in 24 hours", {
      tasks,
      hint: "make it a function of the input: idempotencyKey: ({ id }) => id",
    });
}
