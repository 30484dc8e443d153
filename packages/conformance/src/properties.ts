// Random scripts against a model, or against another backend. Needs fast-check.
export {
  type Pick,
  type QueueCommand,
  queueCommands,
  type QueueCommandsOptions,
  type ScriptJob,
  type ScriptPolicy,
  type ScriptSettlement,
} from "./properties/commands.ts";
export { followsModel, sameHistory } from "./properties/histories.ts";
export { type StateCommand, stateCommands, stateEntries } from "./properties/state-commands.ts";
export { keepsEntries, sameState } from "./properties/state-history.ts";
