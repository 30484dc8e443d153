import { systemClock } from "@lexigram/contracts";
import { MemoryStateStore } from "../memory/memory-state-store.ts";
import { SchedulerStore } from "./scheduler-store.ts";

/** Schedules of this process alone, gone when it ends. */
export class InMemorySchedulerStore extends SchedulerStore {
  constructor() {
    super(new MemoryStateStore({ clock: systemClock }));
  }
}
