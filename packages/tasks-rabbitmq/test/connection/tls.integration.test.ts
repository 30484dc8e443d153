import { inspect } from "node:util";
import { aJob } from "@lexigram/conformance";
import {
  freePort,
  type OwnCertificate,
  ownCertificate,
  type PrivateServer,
  privateRabbit,
} from "@lexigram/services";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { rabbitmqBackend, type RabbitMQBackendOptions } from "../../src/index.ts";

let certificate: OwnCertificate;
let server: PrivateServer;
let port: number;

beforeAll(async () => {
  certificate = ownCertificate();
  port = await freePort();
  const { certFile, keyFile } = certificate;
  server = await privateRabbit(
    `listeners.ssl.default = 127.0.0.1:${port}`,
    `ssl_options.certfile = ${certFile}`,
    `ssl_options.keyfile = ${keyFile}`,
    "ssl_options.verify = verify_none",
  );
});
afterAll(async () => {
  await server.stop();
  certificate.remove();
});

const queueOf = (options: RabbitMQBackendOptions) => {
  const backend = rabbitmqBackend(options);
  onTestFinished(() => backend.close());
  return backend.queue("default", { enqueueTimeoutMs: 4_000 });
};

describe("a connection over TLS", () => {
  test("works with fields that name whom to trust", async () => {
    const queue = queueOf({ host: "localhost", port, tls: { ca: certificate.ca } });
    const job = aJob();
    const wait = queue.waitForWork(30_000, AbortSignal.any([]));
    expect((await queue.enqueue(job)).ok).toBe(true);
    await wait;
    expect((await queue.dequeue())?.job.id).toBe(job.id);
    await queue.ack(job.id);
  });

  test("is refused to a server that nobody vouches for, without the password in what is said", async () => {
    const queue = queueOf({ url: `amqps://guest:hush-hush@localhost:${port}`, callTimeoutMs: 2_000 });
    const error: unknown = await queue.enqueue(aJob()).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE" });
    const said = inspect(error);
    expect(said).toMatch(/self-signed certificate/);
    expect(said).not.toContain("hush-hush");
  });
});
