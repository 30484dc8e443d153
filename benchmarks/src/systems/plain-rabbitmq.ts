import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type ConfirmChannel, connect, type ConsumeMessage } from "amqplib";
import { rabbitQueue } from "../rabbit-queue.ts";
import { inParts, type OpenSubject, payload, type Payload, type Subject } from "../subject.ts";

// Its package lets nobody in but by its doors.
const [folder = ""] = createRequire(import.meta.url)
  .resolve("amqplib")
  .split(/(?<=[/\\]amqplib[/\\])(?!.*[/\\]amqplib[/\\])/);
const { version } = JSON.parse(readFileSync(`${folder}package.json`, "utf8")) as { version: string };

/** Unconfirmed messages of a bulk. */
const WINDOW = 2_000;
const REPLIES = "amq.rabbitmq.reply-to";

/**
 * What one writes on amqplib alone and keeps every message with: one durable queue, persistent messages, each publish
 * awaited until it is confirmed, as many messages prefetched as handlers run at once, one acknowledgement for all that
 * ended in a turn, replies by direct reply-to. No priorities, retries, dead letters, validation or recovery.
 */
export const plainRabbitmq = (type: "quorum" | "classic"): Subject => ({
  system: "plain",
  version,
  store: "rabbitmq",
  variant: type,
  abilities: ["results"],
  open: async ({ url = "", concurrency, onStart }) => {
    const queue = rabbitQueue("plain", type);
    const model = await connect(url, { noDelay: true });
    const channel = await model.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": type } });
    let acknowledged: Promise<unknown> = Promise.resolve();
    const call = await caller(channel, queue);
    const opened: OpenSubject = {
      enqueue: (n) =>
        new Promise<void>((resolve, reject) => {
          channel.sendToQueue(queue, bodyOf(n), { persistent: true }, (error: unknown) =>
            error === null ? resolve() : reject(error),
          );
        }),
      enqueueMany: (first, count) =>
        inParts(first, count, WINDOW, async (numbers) => {
          for (const n of numbers) channel.sendToQueue(queue, bodyOf(n), { persistent: true });
          await channel.waitForConfirms();
        }),
      call,
      start: async () => {
        const worker = await model.createChannel();
        await worker.prefetch(concurrency);
        let last: ConsumeMessage | undefined;
        const handle = async (message: ConsumeMessage): Promise<void> => {
          const { n } = JSON.parse(message.content.toString()) as Payload;
          onStart(n);
          const { replyTo, correlationId } = message.properties as {
            replyTo?: string;
            correlationId: string;
          };
          if (replyTo !== undefined)
            worker.sendToQueue(replyTo, Buffer.from(JSON.stringify(n)), { correlationId });
        };
        await worker.consume(queue, (message) => {
          if (message === null) return;
          if (last === undefined)
            acknowledged = new Promise<void>((resolve) =>
              setImmediate(() => {
                worker.ack(last!, true);
                last = undefined;
                resolve();
              }),
            );
          last = message;
          void handle(message);
        });
      },
      close: async () => {
        await acknowledged;
        await model.close();
      },
    };
    return opened;
  },
});

const bodyOf = (n: number): Buffer => Buffer.from(JSON.stringify(payload(n)));

async function caller(channel: ConfirmChannel, queue: string): Promise<(n: number) => Promise<unknown>> {
  const waiting = new Map<string, (value: unknown) => void>();
  await channel.consume(
    REPLIES,
    (message) => {
      if (message === null) return;
      const id = String(message.properties.correlationId);
      waiting.get(id)?.(JSON.parse(message.content.toString()));
      waiting.delete(id);
    },
    { noAck: true },
  );
  return (n) =>
    new Promise((resolve, reject) => {
      const correlationId = String(n);
      waiting.set(correlationId, resolve);
      channel.sendToQueue(
        queue,
        bodyOf(n),
        { persistent: true, replyTo: REPLIES, correlationId },
        (error: unknown) => {
          if (error !== null) reject(error);
        },
      );
    });
}
