import { outboxStep } from "../outbox/outbox-step.ts";
import { queueStep } from "../queue/sql/queue-step.ts";
import { stateStep } from "../state/sql/state-step.ts";
import type { MigrationStep } from "./migration-step.ts";

/** All steps, in order. The last one's version is the layout that this code writes and knows. */
export const MIGRATION_STEPS: readonly MigrationStep[] = [stateStep, queueStep, outboxStep];
