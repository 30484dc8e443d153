import { inspect } from "node:util";
import { aJob } from "@lexigram/conformance";
import {
  freePort,
  type OwnCertificate,
  ownCertificate,
  type PrivateServer,
  privateRedis,
} from "@lexigram/services";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { redisBackend, type RedisBackendOptions } from "../../src/index.ts";

let certificate: OwnCertificate;
let server: PrivateServer;
let port: number;

beforeAll(async () => {
  certificate = ownCertificate();
  port = await freePort();
  const { certFile, keyFile } = certificate;
  const files = ["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", certFile];
  server = await privateRedis("--tls-port", String(port), ...files, "--tls-auth-clients", "no");
});
afterAll(async () => {
  await server.stop();
  certificate.remove();
});

const queueOf = (options: RedisBackendOptions) => {
  const backend = redisBackend(options);
  onTestFinished(() => backend.close());
  return backend.queue("default", { enqueueTimeoutMs: 4_000 });
};

describe("a connection over TLS", () => {
  test("works with a client that trusts the server", async () => {
    const client = new Redis({ host: "localhost", port, tls: { ca: certificate.ca } });
    onTestFinished(() => client.disconnect());
    const queue = queueOf({ client });
    const job = aJob();
    // Its subscriber is a copy of the client.
    const wait = queue.waitForWork(30_000, AbortSignal.any([]));
    expect((await queue.enqueue(job)).ok).toBe(true);
    await wait;
    expect((await queue.dequeue())?.job.id).toBe(job.id);
    await queue.ack(job.id);
  });

  test("is refused to a server that nobody vouches for, without the password in what is said", async () => {
    const queue = queueOf({ url: `rediss://:hush-hush@localhost:${port}`, callTimeoutMs: 2_000 });
    const error: unknown = await queue.enqueue(aJob()).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE" });
    const said = inspect(error);
    expect(said).toMatch(/self-signed certificate/);
    expect(said).not.toContain("hush-hush");
  });
});
