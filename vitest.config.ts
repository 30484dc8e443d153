import { defineConfig } from "vitest/config";

// The oxc options are given here because a test file outside every tsconfig's include would otherwise be compiled
// without decorator support.
const base = {
  oxc: { decorator: { legacy: true } },
  resolve: { conditions: ["@lexigram/source"] },
  ssr: { resolve: { conditions: ["@lexigram/source"] } },
};

const rooms = "{{packages,internal,examples}/*,benchmarks,chaos}/test";

export default defineConfig({
  test: {
    projects: [
      {
        ...base,
        test: {
          name: "unit",
          include: [`${rooms}/**/*.test.ts`],
          exclude: ["**/*.property.test.ts", "**/*.integration.test.ts"],
          setupFiles: ["reflect-metadata"],
          isolate: false,
        },
      },
      {
        ...base,
        test: {
          name: "property",
          include: [`${rooms}/**/*.property.test.ts`],
          setupFiles: ["reflect-metadata", "./scripts/property-seed.mjs"],
          isolate: false,
          testTimeout: 20_000,
        },
      },
      {
        ...base,
        test: {
          name: "integration",
          include: [`${rooms}/**/*.integration.test.ts`],
          setupFiles: ["reflect-metadata"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
