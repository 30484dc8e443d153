import { type Token, token } from "./token.ts";

/** The only source of chance: a number from 0 (included) to 1 (excluded), as `Math.random` gives. Never for secrets. */
export type Random = () => number;

export const Random: Token<Random> = token("Random");

export const systemRandom: Random = () => Math.random();
