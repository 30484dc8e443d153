// breaks: typescript(consistent-type-imports)
import { Shape } from "./shape.ts";

export const name = (shape: Shape): string => shape.kind;
