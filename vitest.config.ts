import { defineConfig } from "vitest/config";

// The oxc options are given here because a test file outside every tsconfig's include would otherwise be compiled
// without decorator support.
const base = {
  oxc: { decorator: { legacy: true } },
  resolve: { conditions: ["@lexigram/source"] },
  ssr: { resolve: { conditions: ["@lexigram/source"] } },
};

const rooms = "{{packages,internal,examples}/*,benchmarks,chaos}/test";

/** A limit for what hangs, not a measure: a machine that others use too takes many times as long. */
const BUSY_MS = 60_000;

export default defineConfig({
  test: {
    // Most of the time goes into waiting for servers and processes, so a machine of two cores runs two files at once.
    maxWorkers: 2,
    projects: [
      {
        ...base,
        test: {
          name: "unit",
          include: [`${rooms}/**/*.test.ts`],
          exclude: ["**/*.property.test.ts", "**/*.integration.test.ts"],
          setupFiles: ["reflect-metadata"],
          isolate: false,
          testTimeout: BUSY_MS,
        },
      },
      {
        ...base,
        test: {
          name: "property",
          include: [`${rooms}/**/*.property.test.ts`],
          setupFiles: ["reflect-metadata", "./scripts/property-seed.mjs"],
          isolate: false,
          testTimeout: BUSY_MS,
        },
      },
      {
        ...base,
        test: {
          name: "integration",
          include: [`${rooms}/**/*.integration.test.ts`],
          setupFiles: ["reflect-metadata"],
          testTimeout: BUSY_MS,
          hookTimeout: BUSY_MS,
        },
      },
    ],
  },
});
