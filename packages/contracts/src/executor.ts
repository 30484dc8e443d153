import { type Token, token } from "./token.ts";

/** A handler in its plainest form: data in, data out. */
export type PlainHandler = (input: unknown, context: never) => unknown;

/** Finds and runs handlers by task name. Handlers registered later are seen by workers at once. */
export interface TaskExecutorProtocol {
  /**
   * Runs a registered handler here and now, with validation.
   *
   * @throws TaskNotFoundError when there is none.
   */
  execute(job: { readonly name: string; readonly input?: unknown }): Promise<unknown>;
  /** @throws TaskRegistrationError when the name is taken. */
  registerHandler(taskName: string, handler: PlainHandler): void;
  getHandler(taskName: string): PlainHandler | undefined;
}

export const TaskExecutorProtocol: Token<TaskExecutorProtocol> = token("TaskExecutorProtocol");
