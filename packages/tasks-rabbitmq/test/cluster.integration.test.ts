import { aJob, Session, uniqueName } from "@lexigram/conformance";
import { type JobId, QueueUnavailableError, type Settlement } from "@lexigram/contracts";
import { type PrivateRabbit, privateRabbitCluster, TcpProxy } from "@lexigram/services";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RabbitMQTaskQueue } from "../src/index.ts";

vi.setConfig({ testTimeout: 300_000 });

const NODES = 3;
const PRODUCERS = 4;
/** Jobs accepted between two deaths. */
const BETWEEN = 500;
const LEASE_MS = 600_000;

describe("a cluster of three nodes", () => {
  test("loses nothing that was confirmed when the leader of a queue is killed under load, twice", async () => {
    const cluster = await privateRabbitCluster(NODES);
    onTestFinished(() => cluster.stop());
    const [one] = cluster.nodes;
    // What a load balancer does: it leads to a node that is up.
    let front: PrivateRabbit = one!;
    const proxy = await TcpProxy.open(() => front.port);
    onTestFinished(() => proxy.close());
    const queue = new RabbitMQTaskQueue({
      url: `amqp://guest:guest@127.0.0.1:${proxy.port}`,
      namespace: "cluster",
      name: "jobs",
      // Deaths take longer than calls usually do.
      enqueueTimeoutMs: 60_000,
    });
    onTestFinished(() => queue.close());
    expect((await queue.enqueue(aJob())).ok).toBe(true);
    const members = await one!.ctl("list_queues", "--no-table-headers", "name", "members");
    const band = members.split("\n").find((line) => line.startsWith("cluster.jobs.normal"));
    expect(band?.match(/@localhost/g)).toHaveLength(NODES);

    const accepted = new Set<JobId>();
    const handled = new Set<JobId>();
    let isOver = false;
    let allKnown = false;
    const produce = async (): Promise<void> => {
      while (!isOver) {
        const job = aJob();
        try {
          if ((await queue.enqueue(job)).ok) accepted.add(job.id);
        } catch (error) {
          // Its fate is unknown, so it says nothing.
          if (!(error instanceof QueueUnavailableError)) throw error;
        }
      }
    };
    const work = async (): Promise<void> => {
      let session = new Session(queue, uniqueName("session"), LEASE_MS);
      let settle: Settlement[] = [];
      while (!allKnown || [...accepted].some((id) => !handled.has(id)))
        try {
          const { deliveries } = await session.exchange({ settle, slots: 50 });
          for (const { job } of deliveries) handled.add(job.id);
          settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" }));
          if (deliveries.length === 0) await queue.waitForWork(100, AbortSignal.any([]));
        } catch (error) {
          if (!(error instanceof QueueUnavailableError)) throw error;
          // What it held is the server's again.
          session = new Session(queue, uniqueName("session"), LEASE_MS);
          settle = [];
        }
    };
    const producing = Promise.all(Array.from({ length: PRODUCERS }, produce));
    const working = work();

    for (let deaths = 0; deaths < 2; deaths++) {
      const before = accepted.size;
      await vi.waitFor(() => expect(accepted.size).toBeGreaterThan(before + BETWEEN), { timeout: 60_000 });
      const leader = await cluster.leaderOf("cluster.jobs.normal", front);
      await leader.kill();
      front = cluster.nodes.find((node) => node !== leader)!;
      const then = accepted.size;
      // Two of three go on.
      await vi.waitFor(() => expect(accepted.size).toBeGreaterThan(then + BETWEEN), { timeout: 60_000 });
      await leader.start();
    }
    isOver = true;
    await producing;
    allKnown = true;
    await working;
    expect(accepted.size).toBeGreaterThan(4 * BETWEEN);
    expect([...accepted].filter((id) => !handled.has(id))).toEqual([]);
  });
});
