import { expectTypeOf } from "vitest";

expectTypeOf(1).toEqualTypeOf<string>();
