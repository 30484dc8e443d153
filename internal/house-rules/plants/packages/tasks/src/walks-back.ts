// breaks: import(no-cycle)
import { here } from "./walks-in-a-circle.ts";

export const there = (): unknown => here;
