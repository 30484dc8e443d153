import { refuseUnknownOptions, ScheduleInvalidError, shown } from "@lexigram/contracts";

/** What happens to local times that a change of the clocks leaves out or brings twice. */
export interface DstOptions {
  /**
   * A time that does not exist because clocks go forward over it: fires later by as much as they go forward (default:
   * 02:30 becomes 03:30), or not on that day.
   */
  readonly gap?: "shift" | "skip";
  /**
   * A time that comes twice because clocks go back over it: fires the first time, the last time, or both times.
   * Default `"both"` for rules that hold in every hour of the day, such as `0 * * * *`, and `"first"` for all others.
   */
  readonly fold?: "first" | "last" | "both";
}

const GAPS = ["shift", "skip"] as const;
const FOLDS = ["first", "last", "both"] as const;

/** @throws ScheduleInvalidError for a value that is none of those there are. */
export function checkDst(dst: DstOptions): DstOptions {
  refuseUnknownOptions("dst", dst, ["gap", "fold"]);
  oneOf("dst.gap", dst.gap, GAPS);
  oneOf("dst.fold", dst.fold, FOLDS);
  return dst;
}

function oneOf(field: string, value: string | undefined, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value)) return;
  throw new ScheduleInvalidError(
    `${field} is one of ${allowed.map((name) => `"${name}"`).join(", ")}, not ${shown(value)}`,
    { rule: String(value), field },
  );
}
