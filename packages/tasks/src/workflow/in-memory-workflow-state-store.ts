import { systemClock } from "@lexigram/contracts";
import { MemoryStateStore } from "../memory/memory-state-store.ts";
import { WorkflowStateStore } from "./workflow-state-store.ts";

/** Workflows of this process alone, gone when it ends. */
export class InMemoryWorkflowStateStore extends WorkflowStateStore {
  constructor() {
    super(new MemoryStateStore({ clock: systemClock }));
  }
}
