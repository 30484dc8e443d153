import type { StateCase } from "../kit/run-case.ts";
import { entries } from "./entries.ts";
import { permits } from "./permits.ts";
import { stateTraits } from "../traits/state-traits.ts";
import { topics } from "./topics.ts";

/** Every law of a state store as cases, in the order of `docs/laws/state.md`. */
export const stateCases: readonly StateCase[] = [...entries, ...permits, ...topics, ...stateTraits].toSorted(
  (a, b) => Number(a.law.slice(2)) - Number(b.law.slice(2)),
);
