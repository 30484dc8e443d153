// breaks: import(no-cycle)
import { there } from "./walks-back.ts";

export const here = (): unknown => there;
