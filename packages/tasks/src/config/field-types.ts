import { milliseconds, nearest } from "@lexigram/contracts";
import { booleanSetting, type FieldsMeta } from "@lexigram/kernel";
import { z } from "zod";

// Values come typed from code and YAML, and as text from the environment: each field turns text into its own type and
// no other, so that a queue named "007" stays one. Messages never repeat a value, which might be a secret.

function field<T>(rule: string, read: (value: unknown) => T | undefined): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    const parsed = read(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: "custom", message: `must be ${rule}` });
    return z.NEVER;
  });
}

function numberIn(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  return typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : undefined;
}

/** A whole number of at least `min`. */
export const whole = (min: number, max = Number.MAX_SAFE_INTEGER): z.ZodType<number> =>
  field(
    `a whole number ${max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`}`,
    (value) => {
      const n = numberIn(value);
      return n !== undefined && Number.isInteger(n) && n >= min && n <= max ? n : undefined;
    },
  );

/** A number that `allows` lets pass. */
export const numeric = (rule: string, allows: (n: number) => boolean): z.ZodType<number> =>
  field(rule, (value) => {
    const n = numberIn(value);
    return n !== undefined && allows(n) ? n : undefined;
  });

const boolean = booleanSetting();

function booleanIn(value: unknown): boolean | undefined {
  return boolean.safeParse(value).data;
}

export const flag: z.ZodType<boolean> = field("true or false", booleanIn);

function durationIn(value: unknown, minMs: number): number | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  try {
    const ms = milliseconds(value);
    return ms >= minMs ? ms : undefined;
  } catch {
    return undefined;
  }
}

const DURATION = 'a duration: milliseconds, or text like "250ms", "30s", "1h30m"';

/** A span of at least `minMs`, in milliseconds. */
export const duration = (minMs = 0): z.ZodType<number> =>
  field(
    minMs > 1 ? `${DURATION}, of ${minMs} ms or more` : minMs === 1 ? `${DURATION}, above 0` : DURATION,
    (value) => durationIn(value, minMs),
  );

/** A span, or `null` for none; the environment says `none`. */
export const durationOrNone = (minMs = 0): z.ZodType<number | null> =>
  z.preprocess((value) => (value === "none" || value === "null" ? null : value), z.nullable(duration(minMs)));

/** 0 to 1, or a switch between none and the usual share. */
export const share: z.ZodType<number | boolean> = field("a number from 0 to 1, true or false", (value) => {
  const n = numberIn(value);
  if (n !== undefined) return n >= 0 && n <= 1 ? n : undefined;
  return booleanIn(value);
});

export const text: z.ZodType<string> = field("a text that is not empty", (value) =>
  typeof value === "string" && value !== "" ? value : undefined,
);

export function oneOf<const T extends readonly string[]>(...allowed: T): z.ZodType<T[number]> {
  return field(`one of ${allowed.map((name) => `"${name}"`).join(", ")}`, (value) =>
    allowed.find((name) => name === value),
  );
}

/**
 * An object with these keys and no others; an unknown one is refused with the nearest name, else with all.
 *
 * @param alsoKnownAs what other systems call some of the keys; names the key to use.
 */
export function section<S extends z.ZodRawShape>(
  shape: S,
  alsoKnownAs: Readonly<Record<string, string>> = {},
): z.ZodObject<S, z.core.$strict> {
  const keys = Object.keys(shape);
  const meta: FieldsMeta = { alsoKnownAs };
  return z
    .strictObject(shape, {
      error: (issue) => {
        if (issue.code !== "unrecognized_keys") return undefined;
        return issue.keys
          .map((key) => {
            const meant = Object.hasOwn(alsoKnownAs, key) ? alsoKnownAs[key] : nearest(key, keys);
            const hint = meant === undefined ? `there are ${keys.join(", ")}` : `did you mean "${meant}"?`;
            return `"${key}" is no option; ${hint}`;
          })
          .join(", ");
      },
    })
    .meta({ ...meta });
}

/** An object with any keys, taken as it is. */
export const free: z.ZodType<Record<string, unknown>> = z.record(z.string(), z.unknown());
