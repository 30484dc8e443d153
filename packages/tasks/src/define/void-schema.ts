import type { AnySchema } from "@lexigram/contracts";

/** How validators describe themselves beside the standard. */
interface Described {
  /** Zod. */
  readonly def?: { readonly type?: unknown };
  /** Zod 3. */
  readonly _def?: { readonly typeName?: unknown };
  /** Valibot. */
  readonly type?: unknown;
  /** ArkType. */
  readonly expression?: unknown;
}

const NOTHING: readonly unknown[] = ["void", "undefined", "ZodVoid", "ZodUndefined"];

/**
 * Whether a schema takes nothing but `undefined`, as `z.void()` does. It is asked what it is, as trying values on it
 * might run a user's checks, and would take `optional` for it.
 */
export function takesNothing(schema: AnySchema): boolean {
  const { def, _def, type, expression } = schema as unknown as Described;
  switch (schema["~standard"].vendor) {
    case "zod":
      return NOTHING.includes(def?.type ?? _def?.typeName);
    case "valibot":
      return NOTHING.includes(type);
    case "arktype":
      return NOTHING.includes(expression);
    default:
      return false;
  }
}
