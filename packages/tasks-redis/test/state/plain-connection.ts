import { uniqueName } from "@lexigram/conformance";
import { QueueUnavailableError } from "@lexigram/contracts";
import { Cluster, Redis } from "ioredis";
import type {
  ChannelListener,
  RedisConnection,
  RunOptions,
  ScriptArgument,
} from "../../src/connection/redis-connection.ts";
import type { RedisScript } from "../../src/connection/redis-script.ts";

/** Scripts and channels of one server, with nothing around them. */
export class PlainConnection implements RedisConnection {
  readonly commands: Redis | Cluster;
  readonly #url: string;
  readonly #name = uniqueName("plain");
  readonly #subscriber: Redis;
  readonly #listeners = new Map<string, Set<ChannelListener>>();

  constructor(url: string, { cluster = false }: { readonly cluster?: boolean } = {}) {
    const { hostname, port } = new URL(url);
    const named = { connectionName: this.#name };
    this.#url = url;
    this.commands = cluster
      ? new Cluster([{ host: hostname, port: Number(port) }], { redisOptions: named })
      : new Redis(url, named);
    this.#subscriber = new Redis(url, named);
    this.#subscriber.on("message", (channel: string, text: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener.message(text);
    });
  }

  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown> {
    try {
      return await this.commands.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (cause) {
      const { message } = cause as Error;
      if (message.startsWith("NOSCRIPT"))
        return this.commands.eval(script.source, keys.length, ...keys, ...args);
      if (!/Connection is closed|ECONNRESET/.test(message)) throw cause;
      const fields = { queue: options.subject, retryable: true, accepted: "unknown", ids: [] } as const;
      throw new QueueUnavailableError(fields, { cause });
    }
  }

  read(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown> {
    return this.run(script, keys, args, options);
  }

  async subscribe(channel: string, listener: ChannelListener): Promise<() => void> {
    let listeners = this.#listeners.get(channel);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(channel, listeners);
    }
    listeners.add(listener);
    await this.#subscriber.subscribe(channel);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      this.#listeners.delete(channel);
      void this.#subscriber.unsubscribe(channel);
    };
  }

  /** Cuts its links to the server. */
  async sever(): Promise<void> {
    const other = new Redis(this.#url);
    const clients = (await other.client("LIST")) as string;
    for (const line of clients.split("\n")) {
      const id = /^id=(\d+) /.exec(line)?.[1];
      if (id !== undefined && line.includes(` name=${this.#name} `)) await other.client("KILL", "ID", id);
    }
    other.disconnect();
  }

  close(): void {
    this.commands.disconnect();
    this.#subscriber.disconnect();
  }
}
