import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** Whose bytes pass. `requests` go to the server, `replies` come from it. */
type Way = "requests" | "replies";

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes of this way vanish, now and for good: a stream with a hole is of no use. */
  readonly lost: Set<Way>;
}

/**
 * A wire to a server that can be broken in the ways in which wires break: cut, or silently dead. It lives in this
 * process; what it does is over when the call returns.
 */
export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: () => number;
  readonly #pairs = new Set<Pair>();
  #lost: readonly Way[] = [];
  #refuses = false;
  #accepted = 0;
  readonly #watchers = new Set<() => void>();

  private constructor(server: Server, target: () => number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#join(client));
  }

  /** @param target the server's port, or what tells it at each connection. */
  static async open(target: number | (() => number)): Promise<TcpProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, typeof target === "number" ? () => target : target);
  }

  get redisUrl(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Connections that stand now, dead ones among them. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Connections ever accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resolves when the condition holds; it is looked at whenever a connection or bytes come or go. */
  async until(condition: (proxy: TcpProxy) => boolean): Promise<void> {
    while (!condition(this))
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve);
      });
  }

  /** Both ends stay open and hear nothing more. New connections are accepted, and dead as well, until `heal`. */
  blackhole(...ways: readonly Way[]): void {
    this.#lost = ways.length > 0 ? ways : ["requests", "replies"];
    for (const pair of this.#pairs) for (const way of this.#lost) pair.lost.add(way);
  }

  /** Breaks every connection, as a crashed server does; new ones are welcome. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  /** Breaks every connection and takes no new one until `heal`. */
  refuse(): void {
    this.#refuses = true;
    this.cut();
  }

  /** New connections pass from now on; dead ones stay dead. */
  heal(): void {
    this.#lost = [];
    this.#refuses = false;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    // What was accepted a moment ago is told of only now.
    this.refuse();
    await closed;
  }

  #join(client: Socket): void {
    this.#accepted++;
    if (this.#refuses) {
      client.on("error", () => {});
      client.resetAndDestroy();
      this.#moved();
      return;
    }
    const server = connect({ host: "127.0.0.1", port: this.#target() });
    const pair: Pair = { client, server, lost: new Set(this.#lost) };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    this.#pipe(pair, "requests", client, server);
    this.#pipe(pair, "replies", server, client);
    this.#moved();
  }

  #pipe(pair: Pair, way: Way, from: Socket, to: Socket): void {
    from.on("data", (bytes) => {
      if (!pair.lost.has(way)) to.write(bytes);
      this.#moved();
    });
    from.on("error", () => {});
    from.on("close", () => {
      // The end of one side does not cross a dead wire.
      if (!pair.lost.has(way)) to.destroy();
      if (pair.client.destroyed || !pair.lost.has(way)) this.#pairs.delete(pair);
      if (pair.client.destroyed) pair.server.destroy();
      this.#moved();
    });
  }

  #moved(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }
}
