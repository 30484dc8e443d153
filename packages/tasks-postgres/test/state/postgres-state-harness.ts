import { type StateHarness, uniqueName } from "@lexigram/conformance";
import { type StateStoreProtocol, systemClock } from "@lexigram/contracts";
import type { Database } from "../../src/connection/database.ts";
import { SchemaName } from "../../src/migrations/schema-name.ts";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { PostgresStateStore } from "../../src/state/postgres-state-store.ts";
import type { PostgresServer } from "../postgres-server.ts";

/** A schema of its own, which goes with its server's role. */
export function ownSchema(about = "state"): SchemaName {
  return new SchemaName(
    `t_${uniqueName(about)
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, "_")}`,
  );
}

export function storeIn(database: Database, schema: SchemaName): StateStoreProtocol {
  const stored = new StoredSchema({ database, schema, clock: systemClock });
  return new PostgresStateStore({ stored, clock: systemClock });
}

/** A machine that creates many schemas at once does nothing else in time. */
let lastMade: Promise<void> = Promise.resolve();

function made(database: Database, schema: SchemaName): Promise<void> {
  const stored = new StoredSchema({ database, schema, clock: systemClock });
  lastMade = lastMade.then(() => stored.ensure());
  return lastMade;
}

/**
 * Every store that is opened has a schema of its own; what was stored goes at the end. Peers have connections of their
 * own.
 */
export function postgresStateHarness(name: string, server: PostgresServer): StateHarness {
  const [first, second] = [server.connect(), server.connect()];
  const schemas = new Map<StateStoreProtocol, SchemaName>();
  const open = (schema: SchemaName, database: Database = first): StateStoreProtocol => {
    const store = storeIn(database, schema);
    schemas.set(store, schema);
    return store;
  };
  const again = (store: StateStoreProtocol, database?: Database): StateStoreProtocol =>
    open(schemas.get(store) as SchemaName, database);
  return {
    name,
    // Wide enough for a machine that is busy with other tests.
    unitMs: 400,
    async open() {
      const schema = ownSchema();
      await made(first, schema);
      return open(schema);
    },
    peer: async (store) => again(store, second),
    reopen: async (store) => {
      await store.close();
      return again(store);
    },
    sever: () => server.sever(),
    async dispose() {
      await Promise.all([first.close(), second.close()]);
      await server.end();
    },
  };
}
