import { JobExecutionContext } from "./execution-context.ts";
import type { TaskExecutionContext as Described } from "./middleware.ts";

/** What middleware sees of one pass: what it declares as a parameter, and what a test of it makes. */
export type TaskExecutionContext = Described;
/** The class of the contexts that pipelines hand out. */
export const TaskExecutionContext: typeof JobExecutionContext = JobExecutionContext;
