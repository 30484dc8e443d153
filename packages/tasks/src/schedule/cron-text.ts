import { nearest, ScheduleInvalidError, told } from "@lexigram/contracts";

type CronField = "second" | "minute" | "hour" | "dayOfMonth" | "month" | "dayOfWeek";

interface FieldRule {
  readonly field: CronField;
  readonly least: number;
  readonly most: number;
  /** Names of its values, from `least` on. */
  readonly names?: readonly string[];
}

export const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
export const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: readonly FieldRule[] = [
  { field: "second", least: 0, most: 59 },
  { field: "minute", least: 0, most: 59 },
  { field: "hour", least: 0, most: 23 },
  { field: "dayOfMonth", least: 1, most: 31 },
  { field: "month", least: 1, most: 12, names: MONTHS },
  { field: "dayOfWeek", least: 0, most: 7, names: WEEKDAYS },
];

const ALIASES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const LONGEST = 200;

/**
 * A cron expression as six fields, seconds first, with numbers in the place of names, ranges and steps.
 *
 * @throws ScheduleInvalidError naming the field that is wrong and, where there is one, the nearest value that is not.
 */
export function cronFields(expression: string): readonly string[] {
  if (typeof expression !== "string")
    throw invalid(told(expression), "expression", `a cron expression is a text, not ${told(expression)}`);
  const text = expression.trim();
  if (text.length > LONGEST)
    throw invalid(
      text.slice(0, LONGEST),
      "expression",
      `a cron expression has at most ${LONGEST} characters`,
    );
  if (text.startsWith("@")) return cronFields(aliased(text));
  const fields = text === "" ? [] : text.toUpperCase().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6)
    throw invalid(
      expression,
      "expression",
      `a cron expression has 5 fields, or 6 with seconds first, not ${fields.length}`,
      undefined,
      "minute hour dayOfMonth month dayOfWeek, such as 30 9 * * MON-FRI",
    );
  const six = fields.length === 5 ? ["0", ...fields] : fields;
  return FIELDS.map((rule, i) => plainField(expression, rule, six[i] as string));
}

function aliased(text: string): string {
  const meant = ALIASES[text.toLowerCase()];
  if (meant !== undefined) return meant;
  const known = Object.keys(ALIASES);
  throw invalid(
    text,
    "expression",
    "is no schedule with a name",
    nearest(text, known),
    `names: ${known.join(", ")}`,
  );
}

/** `*` or a special day as it is written; of everything else the numbers it stands for, each once. */
function plainField(expression: string, rule: FieldRule, text: string): string {
  const wrong = (why: string, near?: string, hint?: string): ScheduleInvalidError =>
    invalid(expression, rule.field, `${rule.field} ${why}`, near, hint);
  const items = text.split(",");
  const numbers = new Set<number>();
  for (const item of items) {
    if (item === "") throw wrong("has an empty place in its list");
    const [range = "", step, ...more] = item.split("/");
    if (more.length > 0) throw wrong(`has more than one step in ${item}`);
    const every = step === undefined ? 1 : stepOf(rule, step, wrong);
    const isAll = range === "*" || (range === "?" && isDay(rule));
    if (isAll && step === undefined) {
      if (items.length > 1) throw wrong(`has ${range} among other values`, range);
      return range;
    }
    if (!isAll && isSpecial(rule, range, items.length > 1 || step !== undefined, wrong))
      return plainNames(rule, range);
    const [from, to] = isAll ? [rule.least, endOf(rule)] : rangeOf(rule, range, step !== undefined, wrong);
    // A week has two names for Sunday.
    for (let n = from; n <= to; n += every) numbers.add(rule.field === "dayOfWeek" ? n % 7 : n);
  }
  return [...numbers].toSorted((a, b) => a - b).join(",");
}

const endOf = ({ field, most }: FieldRule): number => (field === "dayOfWeek" ? 6 : most);

/** A single value is a range to the end of the field where it has a step. */
function rangeOf(rule: FieldRule, range: string, hasStep: boolean, wrong: Wrong): [number, number] {
  const [from = "", to, ...rest] = range.split("-");
  if (rest.length > 0) throw wrong(`has a range of more than two values: ${range}`);
  const first = valueOf(rule, from, wrong);
  if (to === undefined) return [first, hasStep ? Math.max(first, endOf(rule)) : first];
  const last = valueOf(rule, to, wrong);
  if (first > last)
    throw wrong(
      `has the range ${range}, which goes backwards`,
      `${to}-${from}`,
      "write what goes over its end as two ranges with a comma between them",
    );
  return [first, last];
}

function plainNames({ names, least }: FieldRule, text: string): string {
  return text.replace(/^[A-Z]{3}/, (name) => String((names?.indexOf(name) ?? 0) + least)).replace(/^7/, "0");
}

const isDay = ({ field }: FieldRule): boolean => field === "dayOfMonth" || field === "dayOfWeek";

type Wrong = (why: string, near?: string, hint?: string) => ScheduleInvalidError;

/** `L`, `5L` and `MON#2`, which stand by themselves. */
function isSpecial(rule: FieldRule, range: string, inCompany: boolean, wrong: Wrong): boolean {
  if (!isDay(rule)) return false;
  const onWeekday = rule.field === "dayOfWeek";
  const [, weekday, nth] = /^([0-9A-Z]+)(L|#.*)$/.exec(range) ?? [];
  const isLast = !onWeekday && range === "L";
  if (!isLast && !(onWeekday && weekday !== undefined && nth !== undefined)) return false;
  if (inCompany) throw wrong(`has ${range} with other values or a step`, range, `write ${range} alone`);
  if (weekday === undefined || nth === undefined) return true;
  valueOf(rule, weekday, wrong);
  if (nth !== "L" && !/^#[1-5]$/.test(nth))
    throw wrong(
      `counts ${nth}: a month has a weekday 4 or 5 times`,
      `${weekday}#1`,
      "use #1 to #5, or L for the last",
    );
  return true;
}

function stepOf(rule: FieldRule, step: string, wrong: Wrong): number {
  const n = /^\d+$/.test(step) ? Number(step) : Number.NaN;
  if (n >= 1 && n <= rule.most) return n;
  const near = n > rule.most ? rule.most : 1;
  throw wrong(`has the step ${step}, and steps go from 1 to ${rule.most}`, `*/${near}`);
}

function valueOf({ field, least, most, names }: FieldRule, text: string, wrong: Wrong): number {
  if (/^\d+$/.test(text)) {
    const n = Number(text);
    if (n >= least && n <= most) return n;
    throw wrong(`is ${text}, and goes from ${least} to ${most}`, String(n < least ? least : most));
  }
  const at = names?.indexOf(text) ?? -1;
  if (names !== undefined && at >= 0) return at + least;
  const known = names === undefined ? undefined : nearest(text, names);
  throw wrong(
    `cannot be ${JSON.stringify(text)}`,
    known,
    names === undefined
      ? `${field} takes numbers from ${least} to ${most}, *, ranges, lists and steps`
      : `${field} takes ${least} to ${most}, or ${names.join(", ")}`,
  );
}

function invalid(
  rule: string,
  field: string,
  why: string,
  near?: string,
  hint?: string,
): ScheduleInvalidError {
  return new ScheduleInvalidError(
    `${JSON.stringify(rule)} is no cron expression: ${why}`,
    { rule, field, ...(near === undefined ? {} : { nearest: near }) },
    hint === undefined ? undefined : { hint: near === undefined ? hint : `did you mean ${near}? ${hint}` },
  );
}
