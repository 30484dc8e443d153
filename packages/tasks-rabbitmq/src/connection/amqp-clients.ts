// The one window to the client library. What is made here connects once and never again by itself: what comes after its
// end is the link's business, which makes another.
import { type ChannelModel, connect } from "amqplib";
import type { AmqpTarget } from "./amqp-target.ts";

export interface ConnectOptions {
  /** Milliseconds within which server and client must have agreed. */
  readonly timeoutMs: number;
  /** Seconds between heartbeats; 0: none. */
  readonly heartbeat: number;
  /** How the connection is called in the server's listings. */
  readonly name: string;
}

/**
 * Opens a connection.
 *
 * @throws whatever the client library says, which may quote the address.
 */
export function connectAmqp(
  target: AmqpTarget,
  { timeoutMs, heartbeat, name }: ConnectOptions,
): Promise<ChannelModel> {
  const { protocol, hostname, port, username, password, vhost, frameMax, channelMax, tls } = target;
  return connect(
    {
      protocol,
      hostname,
      port,
      username,
      password,
      // It is decoded over there.
      vhost: encodeURIComponent(vhost),
      heartbeat,
      ...(frameMax === undefined ? {} : { frameMax }),
      ...(channelMax === undefined ? {} : { channelMax }),
    },
    {
      ...tls,
      // Without it every answer that follows an acknowledgement waits 40 ms for the operating system.
      noDelay: true,
      timeout: timeoutMs,
      clientProperties: { connection_name: name, product: "Lexigram Tasks" },
    },
  );
}

/** The socket under a connection, which is all that ends one whose server does not answer. */
export function dropSocket(model: ChannelModel): void {
  const { stream } = model.connection as unknown as { readonly stream?: { destroy(): void } };
  stream?.destroy();
}

/** What the server said of itself when the connection was opened. */
export function serverProperties(model: ChannelModel): Readonly<Record<string, unknown>> {
  const { serverProperties: told } = model.connection as unknown as {
    readonly serverProperties?: Record<string, unknown>;
  };
  return told ?? {};
}
