import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { KeeperSpec } from "@lexigram/contracts";
import type { ConnectionOptions } from "./connection/open-connection.ts";

/** What a thread that renews leases is handed. */
export interface KeeperData {
  readonly connection: Pick<ConnectionOptions, "target" | "callTimeoutMs">;
  readonly namespace: string;
}

/**
 * How a thread beside the event loop renews leases of this backend. Nothing with a client of the caller's, which cannot
 * leave its thread.
 */
export function keeperOf(
  { target, callTimeoutMs }: ConnectionOptions,
  namespace: string,
): (() => KeeperSpec) | undefined {
  if (target.kind === "client") return undefined;
  return () => ({
    // By its name in package.json, because what runs in a thread is what is published, whoever asks.
    module: pathToFileURL(createRequire(import.meta.url).resolve("#lease-extender")).href,
    data: {
      connection: { target, ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }) },
      namespace,
    } satisfies KeeperData,
  });
}
