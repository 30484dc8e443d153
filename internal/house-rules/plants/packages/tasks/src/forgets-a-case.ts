// breaks: typescript(switch-exhaustiveness-check)
import type { Shape } from "./shape.ts";

export function corners(shape: Shape): number {
  switch (shape.kind) {
    case "square":
      return 4;
  }
  return 0;
}
