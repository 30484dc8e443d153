import { setTimeout as sleep } from "node:timers/promises";
import { TcpProxy } from "@lexigram/services";
import type { Fault } from "../accounts/figures.ts";
import { now } from "../moment.ts";
import type { Cleanup } from "../run/cleanup.ts";
import type { Scenario, Scene } from "../scenario.ts";
import { PostgresServer } from "./postgres-server.ts";

/** How long a primary goes on without its standby before it is killed, at most, in milliseconds. */
const ALONE_MS = 300;
/** From the moment at which the address leads to the standby until that is promoted, at most, in milliseconds. */
const READS_ONLY_MS = 500;
/** How long a new standby may take to have caught up. */
const FOLLOWS_WITHIN_MS = 30_000;

export interface PostgresFailoverOptions {
  readonly name: string;
  readonly title: string;
  /** Whether what is accepted waits for the standby. */
  readonly synchronous: boolean;
  readonly bars: Scenario["bars"];
}

/**
 * A primary and a standby behind one address. Each fault cuts the standby off, lets the primary go on alone for up to 300
 * milliseconds, kills it, has the address lead to the standby, and promotes that up to half a second later. A new standby then
 * joins.
 */
export function postgresFailover({ name, title, synchronous, bars }: PostgresFailoverOptions): Scenario {
  return {
    name,
    title,
    bars,
    open: async (cleanup) => {
      let primary = await PostgresServer.open(cleanup);
      let { port: target } = primary;
      const address = await TcpProxy.open(() => target);
      cleanup.defer(() => address.close());
      let replica = await Replica.of(primary, synchronous, cleanup);
      return {
        queue: primary.through(address.port),
        async strike({ crew, random, pause }: Scene): Promise<Fault> {
          const { wire, server: next } = replica;
          const at = now();
          wire.refuse();
          await pause(random.between(0, ALONE_MS));
          await primary.kill();
          const struckAt = now();
          target = next.port;
          await pause(random.between(0, READS_ONLY_MS));
          await next.administer("SELECT pg_promote(true)");
          const reachableAt = now();
          await Promise.all([primary.stop(), wire.close()]);
          primary = next;
          replica = await Replica.of(primary, synchronous, cleanup);
          return { at, struckAt, reachableAt, consumers: crew.pids };
        },
      };
    },
  };
}

/** A standby, and the wire to its primary. */
class Replica {
  readonly server: PostgresServer;
  readonly wire: TcpProxy;

  private constructor(server: PostgresServer, wire: TcpProxy) {
    this.server = server;
    this.wire = wire;
  }

  /** Resolves when it follows, and where it is to be waited for when it is. */
  static async of(primary: PostgresServer, synchronous: boolean, cleanup: Cleanup): Promise<Replica> {
    const wire = await TcpProxy.open(primary.port);
    cleanup.defer(() => wire.close());
    const server = await PostgresServer.standbyAt(wire.port, cleanup);
    if (synchronous) {
      // Only now: a primary that waits for a standby which is not there yet accepts nothing.
      await primary.administer("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
      await primary.administer("SELECT pg_reload_conf()");
    }
    const follows = `SELECT 1 FROM pg_stat_replication
      WHERE state = 'streaming' AND sync_state = '${synchronous ? "sync" : "async"}'`;
    for (const end = now() + FOLLOWS_WITHIN_MS; (await primary.administer(follows)).length === 0;) {
      if (now() > end) throw new Error("the standby does not follow its primary");
      await sleep(50);
    }
    return new Replica(server, wire);
  }
}
