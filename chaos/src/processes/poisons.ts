import type { PoisonKind } from "./chaos-app.ts";

/** An error, or a result, that no codec can write: it holds itself, a number without JSON, and a field that throws. */
function unwritable(): object {
  const value: Record<string, unknown> = { big: 1n };
  value["self"] = value;
  return Object.defineProperty(value, "trap", {
    enumerable: true,
    get: () => {
      throw new TypeError("not to be read");
    },
  });
}

/** What handlers do that take their worker along, or say what cannot be written down. */
export const POISONS: Readonly<Record<PoisonKind, () => unknown>> = {
  exit: () => process.exit(7),
  memory: () => {
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({ length: 100_000 }, (_, i) => ({ i })));
  },
  loop: () => {
    for (;;);
  },
  throw: () => {
    throw unwritable(); // oxlint-disable-line typescript/only-throw-error -- that is what handlers do
  },
  result: unwritable,
};
