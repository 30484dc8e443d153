import { milliseconds } from "@lexigram/contracts";
import { z } from "zod";

// Variables are texts. zod's own coercion takes "false" for true and "" for 0, so fields that may come from the
// environment use these.

const TRUE = new Set(["true", "1", "yes", "on"]);
const FALSE = new Set(["false", "0", "no", "off"]);

/** A field that is a boolean, or a text that says one: true/false, 1/0, yes/no, on/off. */
export function booleanSetting(): z.ZodType<boolean> {
  return z.preprocess((value) => {
    if (typeof value !== "string") return value;
    const text = value.trim().toLowerCase();
    if (TRUE.has(text)) return true;
    return FALSE.has(text) ? false : value;
  }, z.boolean());
}

/**
 * A field that is a number, or a text that is one.
 *
 * @param schema what else is asked of the number, such as `z.int().min(1)`.
 */
export function numberSetting(schema: z.ZodType<number> = z.number()): z.ZodType<number> {
  return z.preprocess(
    (value) =>
      typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))
        ? Number(value)
        : value,
    schema,
  );
}

/** A field that is a `Duration`, in code or as a text; its value is milliseconds. */
export function durationSetting(): z.ZodType<number> {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    try {
      return milliseconds(value);
    } catch {
      context.addIssue({
        code: "custom",
        message: 'expected milliseconds or a duration such as "30s" or "1h30m"',
      });
      return z.NEVER;
    }
  });
}
