// Property tests print their seed when they fail; LEX_SEED=<seed> runs them with it again.
import fc from "fast-check";

const seed = process.env.LEX_SEED;
if (seed) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
