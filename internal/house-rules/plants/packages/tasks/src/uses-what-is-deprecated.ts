// breaks: typescript(no-deprecated)
import { old } from "./shape.ts";

export const still = old;
