import { LexigramError, TaskConfigError } from "@lexigram/contracts";
import { z } from "zod";
import { layered } from "./layered-options.ts";
import { TASK_CONFIG_KEY, TaskConfig } from "./task-config.ts";
import type { TaskConfigOptions } from "./task-config-options.ts";
import { taskConfigSchema } from "./task-config-schema.ts";

/** The section `tasks` above options in code, as the application reads it: problems become issues of configuration. */
export function taskConfigSection(inCode: TaskConfigOptions): z.ZodType<TaskConfig> {
  return taskConfigSchema.transform((section, context) => {
    try {
      return new TaskConfig(layered(inCode, section));
    } catch (error) {
      if (!(error instanceof LexigramError)) throw error;
      const at = error instanceof TaskConfigError ? error.fields.path.split(".") : [];
      const path = at[0] === TASK_CONFIG_KEY ? at.slice(1) : at;
      const hint = error.hint === "" ? "" : `; ${error.hint}`;
      context.addIssue({ code: "custom", path, message: `${error.message}${hint}` });
      return z.NEVER;
    }
  });
}
