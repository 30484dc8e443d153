import { inspect } from "node:util";
import { aJob } from "@lexigram/conformance";
import { type OwnCertificate, ownCertificate, type PrivateServer, privatePostgres } from "@lexigram/services";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { postgresBackend } from "../../src/index.ts";

let certificate: OwnCertificate;
let server: PrivateServer;

beforeAll(async () => {
  certificate = ownCertificate("postgres");
  const { certFile, keyFile } = certificate;
  const settings = ["ssl=on", `ssl_cert_file=${certFile}`, `ssl_key_file=${keyFile}`];
  server = await privatePostgres(...settings.flatMap((setting) => ["-c", setting]));
});
afterAll(async () => {
  await server.stop();
  certificate.remove();
});

const queueOf = (parameters: Readonly<Record<string, string>>) => {
  const dsn = new URL(server.url);
  dsn.hostname = "localhost";
  dsn.password = "hush-hush";
  for (const [name, value] of Object.entries(parameters)) dsn.searchParams.set(name, value);
  const backend = postgresBackend({ dsn: dsn.href });
  onTestFinished(() => backend.close());
  return backend.queue("default", { enqueueTimeoutMs: 4_000 });
};

describe("a connection over TLS", () => {
  test("works with a dsn that names whom to trust", async () => {
    const queue = queueOf({ sslmode: "verify-full", sslrootcert: certificate.certFile });
    const job = aJob();
    // Its listener has a link of its own.
    const wait = queue.waitForWork(30_000, AbortSignal.any([]));
    expect((await queue.enqueue(job)).ok).toBe(true);
    await wait;
    expect((await queue.dequeue())?.job.id).toBe(job.id);
    await queue.ack(job.id);
  });

  test("is refused to a server that nobody vouches for, without the password in what is said", async () => {
    const queue = queueOf({ sslmode: "verify-full" });
    const error: unknown = await queue.enqueue(aJob()).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE" });
    const said = inspect(error);
    expect(said).toMatch(/self-signed certificate/);
    expect(said).not.toContain("hush-hush");
  });
});
