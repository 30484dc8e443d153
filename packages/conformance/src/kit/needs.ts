import type { QueueCapabilities } from "@lexigram/contracts";

/** What a case takes for granted: a capability at all, or at its strongest. */
export type Need =
  | Exclude<keyof QueueCapabilities, "priorities" | "recoveries">
  | "priorities"
  | "exact lookup"
  | "exact pause"
  | "exact capacity"
  | "exact recoveries"
  | "all priorities";

/** How a manifest answers a need. `weaker`: the ability is there, but promises less than the case checks. */
export type Answer = "yes" | "no" | "weaker";

export function answerTo(need: Need, can: QueueCapabilities): Answer {
  switch (need) {
    case "exact lookup":
      return grade(can.lookup);
    case "exact pause":
      return grade(can.pause);
    case "exact capacity":
      return grade(can.capacity);
    case "exact recoveries":
      return grade(can.recoveries);
    case "all priorities":
      return can.priorities >= 21 ? "yes" : "weaker";
    case "priorities":
      return can.priorities > 1 ? "yes" : "weaker";
    case "pause":
    case "capacity":
      return can[need] === "none" ? "no" : "yes";
    default:
      return can[need] ? "yes" : "no";
  }
}

function grade(level: boolean | "exact" | "eventual" | "approximate" | "none"): Answer {
  if (level === "none" || level === false) return "no";
  return level === "exact" || level === true ? "yes" : "weaker";
}

/** The capability that a need is about. */
export function capabilityOf(need: Need): keyof QueueCapabilities {
  switch (need) {
    case "exact lookup":
      return "lookup";
    case "exact pause":
      return "pause";
    case "exact capacity":
      return "capacity";
    case "exact recoveries":
      return "recoveries";
    case "all priorities":
      return "priorities";
    default:
      return need;
  }
}
