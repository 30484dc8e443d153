import { spawn } from "node:child_process";
import { once } from "node:events";

/** What PostgreSQL's rivals need: graphile-worker 22.18, pg-boss 22.12. */
const NEEDED: readonly [major: number, minor: number] = [22, 18];
const NEWER = "node@24";
const NEED_IT: ReadonlySet<string> = new Set(["graphile-worker", "pg-boss"]);

/**
 * Runs this very program once more on a newer Node, from the registry, where one of the systems does not run on this
 * one: the whole of it, so that all systems run on the same.
 *
 * @param systems those that were asked for; absent: all of the store.
 * @returns its exit code, or nothing where this Node will do.
 */
export async function runOnNewerNode(
  store: string,
  systems: readonly string[] | undefined,
): Promise<number | undefined> {
  const isNeeded =
    store === "postgres" && (systems?.some((name) => NEED_IT.has(name.split("/")[0] ?? name)) ?? true);
  if (!isNeeded || isAtLeast(process.versions.node, NEEDED)) return undefined;
  const child = spawn("npx", ["--yes", "-p", NEWER, "node", ...process.execArgv, ...process.argv.slice(1)], {
    stdio: "inherit",
  });
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  } catch (error) {
    throw new Error(`${NEWER} cannot be run by npx: run this on Node ${NEEDED.join(".")} or newer`, {
      cause: error,
    });
  }
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
