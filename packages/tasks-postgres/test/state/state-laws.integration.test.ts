import { judgeStateCase, stateCases, type StateHarness, title } from "@lexigram/conformance";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { behindPooler, callersPool, sharedPostgres } from "../postgres-server.ts";
import { postgresStateHarness } from "./postgres-state-harness.ts";

const configurations = [
  { name: "postgres", server: sharedPostgres },
  { name: "postgres through a pool of the caller's", server: callersPool },
  { name: "postgres behind a pooler", server: behindPooler },
];

// Cases mostly wait, in real time.
vi.setConfig({ maxConcurrency: 25 });

describe.concurrent.each(configurations)(
  "the state store on $name under the laws of state stores",
  ({ name, server }) => {
    const harnessOf = async (): Promise<StateHarness> => postgresStateHarness(name, await server());
    let shared: StateHarness;
    beforeAll(async () => {
      shared = await harnessOf();
    });
    afterAll(() => shared.dispose());

    for (const c of stateCases)
      test(`${title(c)}`, async ({ expect }) => {
        // A connection that is cut serves no other case.
        const report = await judgeStateCase(c, c.harness === "sever" ? harnessOf : shared);
        expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
      });
  },
);
