import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Stage } from "../src/scenario.ts";
import { postgres } from "../src/stores/postgres.ts";
import { staged, strikes } from "./staged.ts";

const opened = (name: string): Promise<Stage> => staged(postgres, name);

const urlOf = ({ queue, observed }: Stage): string => (observed ?? queue).postgresDsn ?? "";

/** A session as the application's. */
async function session(url: string): Promise<Client> {
  const client = new Client(url);
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A row that the server has confirmed, in a schema like the application's. */
async function withNote(stage: Stage): Promise<Client> {
  const client = await session(urlOf(stage));
  await client.query("CREATE SCHEMA notes; CREATE TABLE notes.note AS SELECT 'kept' AS text");
  return client;
}

async function notes(stage: Stage): Promise<unknown[]> {
  const client = await session(urlOf(stage));
  const { rows } = await client.query<{ text: string }>("SELECT text FROM notes.note");
  return rows.map(({ text }) => text);
}

/** How the server ends a session: told, or with the link alone. */
const fate = (client: Client): Promise<unknown> =>
  client
    .query("SELECT pg_sleep(60)")
    .catch(({ code, message }: { code?: string; message: string }) => code ?? message);

describe("a fault of PostgreSQL", () => {
  test.each(["server-restart", "server-crash"])("by %s keeps what the server confirmed", async (name) => {
    const stage = await opened(name);
    const ended = fate(await withNote(stage));
    await strikes(stage);
    expect(await ended).toEqual(name === "server-restart" ? "57P01" : expect.any(String));
    expect(await notes(stage)).toEqual(["kept"]);
  });

  test("ends every session of the application, again and again", async () => {
    const stage = await opened("session-kill");
    const first = fate(await session(urlOf(stage)));
    const others: Promise<unknown>[] = [];
    await strikes(stage, async () => void others.push(fate(await session(urlOf(stage)))));
    expect(others.length).toBeGreaterThan(1);
    expect(new Set(await Promise.all([first, ...others]))).toEqual(new Set(["57P01"]));
  });

  test("leaves the application no connection while strangers hold all", async () => {
    const stage = await opened("server-full");
    const ended = fate(await session(urlOf(stage)));
    let refusal: unknown;
    await strikes(stage, async () => {
      const late = new Client(urlOf(stage));
      refusal = await late.connect().catch((error: unknown) => error);
    });
    expect(await ended).toBe("57P01");
    expect(refusal).toMatchObject({ code: "53300" });
    await session(urlOf(stage));
  });

  test("silences the connections that stand, and lets new ones pass", async () => {
    const stage = await opened("half-open");
    const proxied = stage.queue.postgresDsn ?? "";
    const client = new Client(proxied);
    client.on("error", () => {});
    await client.connect();
    await strikes(stage);
    let answered = false;
    const asked = client.query("SELECT 1").then(
      () => (answered = true),
      () => {},
    );
    expect((await (await session(proxied)).query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    expect(answered).toBe(false);
    await client.end();
    await asked;
  });

  test("fails over to a standby that has what was confirmed, and confirms nothing without it", async () => {
    const stage = await opened("failover");
    const client = await withNote(stage);
    const answers: unknown[] = [];
    await strikes(stage, async () => {
      answers.push(client.query("INSERT INTO notes.note VALUES ('alone')").catch(() => "not confirmed"));
    });
    expect(await answers[0]).toBe("not confirmed");
    expect(await notes(stage)).toEqual(["kept"]);
  });

  test("fails over to a standby that nobody waited for, where loss is measured", async () => {
    const stage = await opened("failover-async");
    const client = await withNote(stage);
    const confirmed: number[] = [];
    await strikes(stage, async () => {
      const answer = await client.query("INSERT INTO notes.note VALUES ('alone')").catch(() => undefined);
      if (answer !== undefined) confirmed.push(answer.rowCount ?? 0);
    });
    expect(confirmed).toEqual([1]);
    // The table itself may not have arrived.
    expect(await notes(stage).catch(() => [])).not.toContain("alone");
  });

  test("crashes a server that confirms before it writes, where loss is measured", async () => {
    const stage = await opened("crash-async-commit");
    const client = await session(urlOf(stage));
    expect((await client.query("SHOW synchronous_commit")).rows).toEqual([{ synchronous_commit: "off" }]);
    const ended = fate(client);
    await strikes(stage);
    expect(await ended).toEqual(expect.any(String));
    await session(urlOf(stage));
  });
});
