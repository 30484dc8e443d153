import { requireOptions } from "@lexigram/contracts";
import { localContext } from "../define/local-context.ts";
import type { TaskContext } from "../worker/task-context.ts";

export type TestContextOverrides = Partial<TaskContext>;

/**
 * A context for calling a handler directly: `await handler(input, testContext({ attempt: 2 }))`. What is not given is
 * filled in with harmless defaults; its signal is aborted by nobody unless one is given.
 */
export function testContext(overrides: TestContextOverrides = {}): TaskContext {
  requireOptions("testContext", overrides);
  return localContext(overrides.job?.task ?? "test", overrides);
}
