import type { QueueCase } from "../kit/run-case.ts";
import { queueTraits } from "../traits/queue-traits.ts";
import { acceptance } from "./acceptance.ts";
import { cancelling } from "./cancelling.ts";
import { counters } from "./counters.ts";
import { deadLetters } from "./dead-letters.ts";
import { dependencies } from "./dependencies.ts";
import { keyOrder } from "./key-order.ts";
import { malformedCalls } from "./malformed.ts";
import { lasting } from "./lasting.ts";
import { leases } from "./leases.ts";
import { limits } from "./limits.ts";
import { looking } from "./looking.ts";
import { moves } from "./moves.ts";
import { order } from "./order.ts";
import { outcomes } from "./outcomes.ts";
import { policy } from "./policy.ts";
import { replay } from "./replay.ts";
import { results } from "./results.ts";
import { shorthands } from "./shorthands.ts";
import { uniqueness } from "./uniqueness.ts";
import { waiting } from "./waiting.ts";

/** Every law of a queue as cases, in the order of `docs/laws/queue.md`. */
export const queueCases: readonly QueueCase[] = [
  ...acceptance,
  ...order,
  ...leases,
  ...replay,
  ...counters,
  ...outcomes,
  ...waiting,
  ...cancelling,
  ...looking,
  ...moves,
  ...results,
  ...deadLetters,
  ...uniqueness,
  ...dependencies,
  ...limits,
  ...keyOrder,
  ...policy,
  ...shorthands,
  ...queueTraits,
  ...lasting,
  ...malformedCalls,
].toSorted((a, b) => Number(a.law.slice(2)) - Number(b.law.slice(2)));
