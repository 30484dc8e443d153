import type { WorkflowLaw } from "../kit/case.ts";
import type { WorkflowStores } from "../kit/workflow-harness.ts";
import { commonLiars, type StoreLiar } from "./store-liars.ts";

/** Stores that are broken in one way, under workflows that are not. */
export const workflowLiars: readonly StoreLiar<WorkflowLaw, WorkflowStores>[] = commonLiars({
  forgetsKeys: "W-06",
  cancelsNothing: "W-07",
  deletesNothing: "W-09",
});
