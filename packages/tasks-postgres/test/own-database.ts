import { uniqueName } from "@lexigram/conformance";
import { sharedServers } from "@lexigram/services";
import { Client } from "pg";
import { onTestFinished } from "vitest";

/** A database of the shared server that goes with the test, so that what the server tells of it is of the test. */
export interface OwnDatabase {
  readonly dsn: string;
  /** An administrator in it. */
  readonly client: Client;
}

export async function ownDatabase(about: string): Promise<OwnDatabase> {
  const name = uniqueName(about).toLowerCase().replaceAll("-", "_");
  const owner = new Client(sharedServers.postgres);
  await owner.connect();
  await owner.query(`CREATE DATABASE ${name}`);
  const url = new URL(sharedServers.postgres);
  url.pathname = `/${name}`;
  const client = new Client(url.href);
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await owner.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await owner.end();
  });
  return { dsn: url.href, client };
}
