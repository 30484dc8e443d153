import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { calmStorm, type StormLedger, stormFaults, sumOf } from "@lexigram/conformance";
import {
  type JobId,
  JOB_STATUSES,
  type JobStatus,
  type QueuePolicy,
  systemClock,
  systemRandom,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { postgresBackend } from "@lexigram/tasks-postgres";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { ownDatabase } from "../own-database.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

const { LEX_SEED: given, LEX_STORM_MINUTES: minutes } = process.env;
const seed = given === undefined ? Math.floor(systemRandom() * 2 ** 31) : Number(given);
const lastsMs = minutes === undefined ? undefined : Number(minutes) * 60_000;

const PROCESSES = 4;
const CALLERS = 2;
const CALLS = 250;

/** A process of callers, with a connection for each. It tells its parent what they were told. */
const program = `
  import { playStorm } from "@lexigram/conformance";
  import { systemClock } from "@lexigram/contracts";
  import { postgresBackend } from "@lexigram/tasks-postgres";
  const { dsn, names, callers, ...storm } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  // However busy the machine is, no call is given up: who cannot be told what became of it cannot count it.
  const backend = postgresBackend({ dsn, poolSize: callers, callTimeoutMs: 600_000 });
  const queues = names.map((name) => ({ queue: backend.queue(name), plain: name === "plain" }));
  const ledgers = await playStorm({ ...storm, queues, callers, clock: systemClock });
  await backend.close();
  process.send(ledgers, () => process.exit(0));
`;

const keeps: QueuePolicy = {
  keepCompleted: { ageMs: 3_600_000, count: 60 },
  keepFailed: { ageMs: 3_600_000, count: 30 },
};
const POLICIES: Readonly<Record<string, QueuePolicy>> = {
  plain: keeps,
  ruled: { ...keeps, perKey: { order: "fifo" }, perTask: { "storm.doomed": { concurrency: 5 } } },
};

/** What holds nothing once no job is unfinished. */
const OF_UNFINISHED = [
  "ready",
  "lease",
  "delayed",
  "expiry",
  "chain",
  "lane",
  "gauge",
  "edge",
  "pin",
  "release",
  "notice",
  "unique_key",
];

beforeAll(() => {
  const built = ["tasks-postgres", "conformance"].map((name) => join(home, "..", name));
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", ...built]);
});

/** @returns the ledgers of the process's callers, queue by queue. */
async function callers(dsn: string, name: string): Promise<StormLedger[][]> {
  const names = Object.keys(POLICIES);
  const settings = JSON.stringify({ dsn, names, name, seed, callers: CALLERS, calls: CALLS, lastsMs });
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, settings], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exit = once(child, "exit").then(([code]: number[]) => {
    throw new Error(`process ${name} ended with ${code}`);
  });
  const [ledgers] = (await Promise.race([once(child, "message"), exit])) as [StormLedger[][]];
  exit.catch(() => {});
  return ledgers;
}

/** All jobs of a queue, as it lists them. */
async function jobsOf(queue: TaskQueueProtocol): Promise<Map<JobId, JobStatus>> {
  const jobs = new Map<JobId, JobStatus>();
  for (const status of JOB_STATUSES)
    for (let cursor: string | undefined; ;) {
      const page = await queue.list({ status, limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
      for (const { id } of page.items) jobs.set(id, status);
      if (page.cursor === undefined) break;
      ({ cursor } = page);
    }
  return jobs;
}

const tally = (jobs: ReadonlyMap<JobId, JobStatus>): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const status of jobs.values()) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe("eight connections in four processes that do everything to two queues", () => {
  test(
    `lock in one order, lose no job and count exactly (LEX_SEED=${seed})`,
    { timeout: (lastsMs ?? 0) + 300_000 },
    async () => {
      const { dsn, client } = await ownDatabase("storm");
      const backend = postgresBackend({ dsn, callTimeoutMs: 600_000 });
      onTestFinished(() => backend.close());
      const queues = Object.keys(POLICIES).map((name) => backend.queue(name));
      for (const queue of queues) await queue.setPolicy(POLICIES[queue.name] ?? {});
      const names = Array.from({ length: PROCESSES }, (_, i) => `p${i}`);
      const played = await Promise.all(names.map((name) => callers(dsn, name)));
      const calmed = await calmStorm(
        queues.map((queue) => ({ queue })),
        systemClock,
      );
      for (const [i, queue] of queues.entries()) {
        const told = sumOf([...played.flatMap((ledgers) => ledgers[i] ?? []), calmed[i] as StormLedger]);
        const jobs = await jobsOf(queue);
        expect(stormFaults(told, jobs)).toEqual([]);
        // Calls that were sent twice at once have been told to come again; nothing else has failed.
        expect(Object.keys(told.troubles).filter((code) => code !== "40001")).toEqual([]);
        const { counts, retrying } = await queue.stats();
        expect({ ...counts, retrying }).toMatchObject(tally(jobs));
        expect(await queue.count()).toBe(0);
        expect(jobs.size).toBe(Object.values(counts).reduce((sum, n) => sum + n));
        expect(await queue.deadLetters.size()).toBe(counts.failed);
        const { byTask } = await queue.deadLetters.stats();
        expect(byTask).toEqual(counts.failed === 0 ? {} : { "storm.doomed": counts.failed });
        // Whatever chance has picked, all of it has happened.
        const { completed, failed, stopped, deleted, redriven } = told;
        for (const n of [completed, failed, stopped, deleted].map(({ length }) => length))
          expect(n).toBeGreaterThan(0);
        expect(redriven).toBeGreaterThan(0);
      }
      await backend.close();
      const { rows } = await client.query<{ table: string }>(
        OF_UNFINISHED.map((name) => `SELECT '${name}' AS table FROM lexigram.${name}`).join(" UNION ALL "),
      );
      expect(rows).toEqual([]);
      const records = await client.query(
        `SELECT queue FROM lexigram.tally GROUP BY queue HAVING sum(kd) <> (SELECT count(*) FROM lexigram.job_state s
           WHERE s.queue = tally.queue AND kept AND c <> 'f') OR sum(kf) <> (SELECT count(*) FROM lexigram.job_state s
           WHERE s.queue = tally.queue AND kept AND c = 'f')`,
      );
      expect(records.rows).toEqual([]);
      // A session tells what it counted when it ends.
      const others =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
      await vi.waitFor(async () => expect((await client.query(others)).rowCount).toBe(0), 10_000);
      const stood = await client.query(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
      );
      expect(stood.rows).toEqual([{ deadlocks: "0" }]);
    },
  );
});
