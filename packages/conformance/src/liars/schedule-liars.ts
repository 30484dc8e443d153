import type { ScheduleLaw } from "../kit/case.ts";
import type { SchedulerStores } from "../kit/schedule-harness.ts";
import { commonLiars, type StoreLiar } from "./store-liars.ts";

/** Stores that are broken in one way, under schedulers that are not. */
export const scheduleLiars: readonly StoreLiar<ScheduleLaw, SchedulerStores>[] = commonLiars({
  forgetsKeys: "T-07",
  cancelsNothing: "T-09",
  deletesNothing: "T-04",
});
