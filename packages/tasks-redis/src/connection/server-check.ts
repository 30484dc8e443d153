import { TaskConfigError } from "@lexigram/contracts";
import type { ServerNode } from "./ioredis-clients.ts";
import { shownError } from "./refusals.ts";

/** How much a server keeps through its own end. `unknown` when it refuses to tell. */
type Durability = "always" | "everysec" | "os" | "snapshots" | "none" | "unknown";

/** What a server told of itself. */
export interface ServerReport {
  readonly address: string;
  readonly product: "Redis" | "Valkey";
  readonly version: string;
  readonly role: string;
  readonly durability: Durability;
  /** Replicas that follow it now. */
  readonly replicas: number;
  /** What its settings risk, in words; empty when nothing that was accepted can be lost. */
  readonly risks: readonly string[];
}

/** The server is there, and must not be used now: it loads its data, or is no primary. */
export class NotYetError extends Error {
  /** Whether the same server is worth asking again at once, rather than another one. */
  readonly loading: boolean;

  constructor(message: string, loading: boolean) {
    super(message);
    this.name = "NotYetError";
    this.loading = loading;
  }
}

const OLDEST_REDIS = [6, 2] as const;
const OLDEST_VALKEY = [7, 0] as const;

const LOSS: Readonly<Record<Durability, string | undefined>> = {
  always: undefined,
  everysec:
    "appendfsync everysec: a crash of the machine loses what was accepted in its last second, two when the disk is slow",
  os: "appendfsync no: a crash of the machine loses what its operating system had not written yet, about the last 30 seconds",
  snapshots:
    "appendonly no, snapshots only: a crash of the server loses everything accepted since its last snapshot",
  none: "appendonly no and no snapshots: any stop of the server, a restart too, loses every job and all state",
  unknown: "the server does not say how it persists: accepted jobs may be lost when it stops",
};

const SAFE = "the safe setting is appendonly yes with appendfsync always";

/** The fields of an answer to INFO. */
export function infoFields(info: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of info.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [have = 0, haveMinor = 0] = version.split(".").map(Number);
  return have > major || (have === major && haveMinor >= minor);
}

function durabilityOf(info: ReadonlyMap<string, string>, settings: ReadonlyMap<string, string>): Durability {
  const appendonly = settings.get("appendonly") ?? (info.get("aof_enabled") === "1" ? "yes" : "no");
  if (appendonly === "yes")
    switch (settings.get("appendfsync")) {
      case "always":
        return "always";
      case "everysec":
        return "everysec";
      case "no":
        return "os";
      default:
        return "unknown";
    }
  const save = settings.get("save");
  if (save === undefined) return "unknown";
  return save === "" ? "none" : "snapshots";
}

/**
 * Judges a server by what it answered.
 *
 * @param options.primary whether it must be a primary that is not of a cluster: those refuse by themselves.
 * @param options.waitReplicas on how many replicas an accepted job lies.
 * @throws NotYetError while it cannot be used; TaskConfigError when it is too old.
 */
export function judgeServer(
  address: string,
  info: ReadonlyMap<string, string>,
  settings: ReadonlyMap<string, string>,
  options: { readonly primary: boolean; readonly waitReplicas: number },
): ServerReport {
  if (info.get("loading") === "1") throw new NotYetError(`${address} loads its data`, true);
  const role = info.get("role") ?? "unknown";
  if (options.primary && role === "slave")
    throw new NotYetError(`${address} is a replica, and takes no jobs`, false);

  const valkey = info.get("valkey_version");
  const product = valkey === undefined ? "Redis" : "Valkey";
  const version = valkey ?? info.get("redis_version") ?? "unknown";
  // A server that hides its version is taken at its word when it refuses a command.
  if (version !== "unknown" && !atLeast(version, valkey === undefined ? OLDEST_REDIS : OLDEST_VALKEY))
    throw new TaskConfigError(
      `${product} ${version} at ${address} is too old for tasks`,
      { path: "url" },
      { hint: "use Redis 6.2 or newer, or Valkey 7 or newer" },
    );

  const durability = durabilityOf(info, settings);
  const replicas = Number(info.get("connected_slaves") ?? 0);
  const risks: string[] = [];
  const policy = info.get("maxmemory_policy") ?? settings.get("maxmemory-policy") ?? "noeviction";
  if (policy !== "noeviction" && info.get("maxmemory") !== "0")
    risks.push(
      `maxmemory-policy ${policy}: accepted jobs may be evicted when memory runs out; set noeviction`,
    );
  const loss = LOSS[durability];
  if (loss !== undefined) risks.push(`${loss}; ${SAFE}`);
  if (replicas > options.waitReplicas && options.waitReplicas === 0)
    risks.push(
      "waitReplicas 0: a failover loses what the new primary had not received; set waitReplicas to 1 or more",
    );
  return { address, product, version, role, durability, replicas, risks };
}

/** Asks a server and judges it. What it refuses to tell, as managed servers do, is taken as unknown. */
export async function checkServer(
  node: ServerNode,
  options: { readonly primary: boolean; readonly waitReplicas: number },
): Promise<ServerReport> {
  const [info, settings] = await Promise.all([
    node.info().then(infoFields, unlessRefused),
    node.settings("appendonly", "appendfsync", "save").catch(unlessRefused),
  ]);
  return judgeServer(node.address, info, settings, options);
}

const NOTHING: ReadonlyMap<string, string> = new Map();

function unlessRefused(error: unknown): ReadonlyMap<string, string> {
  const shown = shownError(error);
  const refused = /^(NOPERM|ERR)\b/.test(shown.message);
  if (shown.name === "ReplyError" && refused) return NOTHING;
  throw shown;
}
