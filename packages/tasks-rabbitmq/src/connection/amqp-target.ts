import { TaskConfigError } from "@lexigram/contracts";
import type { ConnectionOptions as TlsOptions } from "node:tls";

/** Where the server is, and as whom it is asked. Holds secrets. */
export interface AmqpTarget {
  readonly protocol: "amqp" | "amqps";
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  readonly tls?: TlsOptions;
  readonly frameMax?: number;
  readonly channelMax?: number;
}

/** What an address may say of the connection besides. */
export interface AddressSettings {
  /** Seconds. */
  readonly heartbeat?: number;
  /** Milliseconds. */
  readonly connectTimeoutMs?: number;
}

const PORTS = { amqp: 5672, amqps: 5671 } as const;
const PARAMETERS = ["heartbeat", "connection_timeout", "frameMax", "channelMax"] as const;
const SHAPE =
  "use amqp://host:port/virtual-host, with user:password@ before the host, odd signs percent-encoded, or amqps:// for TLS";

function refuse(path: string, message: string, hint = SHAPE): never {
  throw new TaskConfigError(message, { path }, { hint });
}

/**
 * Reads an address. It may hold a password, so no error quotes it.
 *
 * @param path as which option it was given, in errors.
 * @throws TaskConfigError for what is no address of a server that speaks AMQP.
 */
export function targetOfUrl(
  url: unknown,
  path: string,
): { readonly target: AmqpTarget; readonly settings: AddressSettings } {
  if (typeof url !== "string") refuse(path, `${path} is no text`);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    refuse(path, `${path} is no URL`);
  }
  const protocol = parsed.protocol.slice(0, -1);
  if (protocol !== "amqp" && protocol !== "amqps")
    refuse(path, `${path} begins with ${protocol}://, which is not AMQP`);
  if (parsed.hostname === "") refuse(path, `${path} names no host`);
  if (parsed.pathname.slice(1).includes("/"))
    refuse(path, `${path} has a virtual host with a slash in it`, "write the slash of a virtual host as %2F");
  const {
    heartbeat,
    connection_timeout: connectTimeoutMs,
    frameMax,
    channelMax,
  } = parametersOf(parsed, path);
  const vhost = decoded(parsed.pathname.slice(1), path);
  return {
    target: {
      protocol,
      hostname: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: parsed.port === "" ? PORTS[protocol] : Number(parsed.port),
      username: parsed.username === "" ? "guest" : decoded(parsed.username, path),
      password: parsed.username === "" ? "guest" : decoded(parsed.password, path),
      vhost: vhost === "" ? "/" : vhost,
      ...(frameMax === undefined ? {} : { frameMax }),
      ...(channelMax === undefined ? {} : { channelMax }),
    },
    settings: {
      ...(heartbeat === undefined ? {} : { heartbeat }),
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    },
  };
}

function decoded(text: string, path: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    refuse(path, `${path} has a percent sign that begins no code`);
  }
}

function parametersOf(parsed: URL, path: string): Partial<Record<(typeof PARAMETERS)[number], number>> {
  const given: Partial<Record<(typeof PARAMETERS)[number], number>> = {};
  for (const [name, text] of parsed.searchParams) {
    const known = PARAMETERS.find((parameter) => parameter === name);
    if (known === undefined)
      refuse(
        path,
        `${path} has a parameter "${name}", which nothing reads`,
        `known: ${PARAMETERS.join(", ")}`,
      );
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < 0)
      refuse(path, `${path} has a ${name} that is no whole number`, `give ${name} a whole number, 0 or more`);
    given[known] = value;
  }
  return given;
}

/** A server by its fields; what is absent is as the protocol has it. */
export interface AddressFields {
  readonly host?: string;
  readonly port?: number;
  readonly virtualHost?: string;
  readonly user?: string;
  readonly password?: string;
}

export function targetOfFields(fields: AddressFields, tls: TlsOptions | undefined): AmqpTarget {
  const protocol = tls === undefined ? "amqp" : "amqps";
  return {
    protocol,
    hostname: fields.host ?? "localhost",
    port: fields.port ?? PORTS[protocol],
    username: fields.user ?? "guest",
    password: fields.password ?? "guest",
    vhost: fields.virtualHost ?? "/",
    ...(tls === undefined ? {} : { tls }),
  };
}

/** Whether two targets are one server, asked in the same way. */
export function sameTarget(a: AmqpTarget, b: AmqpTarget): boolean {
  return (
    a.protocol === b.protocol &&
    a.hostname === b.hostname &&
    a.port === b.port &&
    a.username === b.username &&
    a.password === b.password &&
    a.vhost === b.vhost &&
    a.tls === b.tls &&
    a.frameMax === b.frameMax &&
    a.channelMax === b.channelMax
  );
}
