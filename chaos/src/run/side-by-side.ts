import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Outcome } from "./drive.ts";

export interface SideBySideOptions {
  /** Of this program, for each store. */
  readonly args: ReadonlyMap<string, readonly string[]>;
  /** Calls all of them off. */
  readonly signal: AbortSignal;
  readonly onOutcome: (outcome: Outcome) => void;
}

/**
 * Runs this program once for each store, all at the same time: what stands between the processes of one store, and what is
 * read of its ledgers, must not hold up another's.
 *
 * @returns whether all went well.
 */
export async function sideBySide({ args, signal, onOutcome }: SideBySideOptions): Promise<boolean> {
  const [, program = ""] = process.argv;
  const codes = await Promise.all(
    [...args.values()].map(async (given) => {
      const child = spawn(process.execPath, [program, ...given, "--json"], {
        stdio: ["ignore", "pipe", "inherit"],
        // What a terminal sends is handed on once, from here.
        detached: true,
      });
      const callOff = (): void => void child.kill("SIGTERM");
      signal.addEventListener("abort", callOff, { once: true });
      const ended = once(child, "close") as Promise<[number | null]>;
      for await (const line of createInterface({ input: child.stdout }))
        onOutcome(JSON.parse(line) as Outcome);
      const [code] = await ended;
      signal.removeEventListener("abort", callOff);
      return code;
    }),
  );
  return codes.every((code) => code === 0);
}
