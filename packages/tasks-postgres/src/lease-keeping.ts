import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { KeeperSpec } from "@lexigram/contracts";
import type { DatabaseOptions } from "./connection/open-database.ts";
import type { SchemaName } from "./migrations/schema-name.ts";

/** What a thread that renews leases is handed. */
export interface KeeperData {
  readonly connection: Pick<DatabaseOptions, "target" | "pooler" | "callTimeoutMs">;
  readonly schema: string;
}

/**
 * How a thread beside the event loop renews leases of this backend. Nothing with a pool of the caller's, which cannot
 * leave its thread.
 */
export function keeperOf(
  { target, pooler, callTimeoutMs }: DatabaseOptions,
  schema: SchemaName,
): (() => KeeperSpec) | undefined {
  if (target.kind === "pool") return undefined;
  return () => ({
    // By its name in package.json, because what runs in a thread is what is published, whoever asks.
    module: pathToFileURL(createRequire(import.meta.url).resolve("#lease-extender")).href,
    data: {
      connection: {
        target,
        ...(pooler === undefined ? {} : { pooler }),
        ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }),
      },
      schema: schema.name,
    } satisfies KeeperData,
  });
}
