import type { MigrationStep } from "../../migrations/migration-step.ts";
import { entriesSql } from "./entries.ts";
import { permitsSql } from "./permits.ts";
import { tokensSql } from "./tokens.ts";
import { topicsSql } from "./topics.ts";

/** What the state store stores, and the functions that are its calls: `state_*`. */
export const stateStep: MigrationStep = {
  version: 1,
  oldest: 1,
  sql: (schema) => [entriesSql(schema), permitsSql(schema), tokensSql(schema), topicsSql(schema)].join("\n"),
};
