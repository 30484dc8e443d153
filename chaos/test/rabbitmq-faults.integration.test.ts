import { connect } from "amqplib";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Stage } from "../src/scenario.ts";
import { rabbitmq } from "../src/stores/rabbitmq.ts";
import { staged, strikes } from "./staged.ts";

vi.setConfig({ testTimeout: 120_000 });

const opened = (name: string): Promise<Stage> => staged(rabbitmq, name);

async function client({ queue }: Stage) {
  const model = await connect(queue.amqpUrl ?? "");
  const ended = new Promise<string>((resolve) => {
    model.on("error", () => {});
    model.on("close", () => resolve("closed"));
  });
  onTestFinished(() => model.close().catch(() => {}));
  return { model, ended };
}

describe("a fault of RabbitMQ", () => {
  test.each(["server-restart", "server-crash"])("by %s keeps what the server confirmed", async (name) => {
    const stage = await opened(name);
    const { model, ended } = await client(stage);
    const channel = await model.createConfirmChannel();
    // A quorum queue has no leader at once when the server is back.
    await channel.assertQueue("notes", { durable: true });
    channel.sendToQueue("notes", Buffer.from("kept"), { persistent: true });
    await channel.waitForConfirms();
    await strikes(stage);
    expect(await ended).toBe("closed");
    const { model: next } = await client(stage);
    const reader = await next.createChannel();
    const read = await reader.get("notes", { noAck: true });
    expect(read === false ? read : read.content.toString()).toBe("kept");
  });

  test("cuts every connection, again and again", async () => {
    const stage = await opened("connection-kill");
    const ends = [(await client(stage)).ended];
    await strikes(stage, async () => void ends.push((await client(stage)).ended));
    expect(ends.length).toBeGreaterThan(1);
    expect(new Set(await Promise.all(ends))).toEqual(new Set(["closed"]));
  });

  test("closes channels as a server that refuses something does, and leaves their connection", async () => {
    const stage = await opened("channel-kill");
    const { model } = await client(stage);
    const channel = await model.createChannel();
    await channel.assertQueue("notes", { durable: true });
    channel.sendToQueue("notes", Buffer.from("kept"));
    await vi.waitFor(async () => expect(await channel.get("notes")).not.toBe(false));
    const refusal = new Promise<Error>((resolve) => channel.on("error", resolve));
    await strikes(stage);
    expect((await refusal).message).toContain("PRECONDITION_FAILED");
    // What it held is there for the next one.
    const next = await model.createChannel();
    expect(await next.get("notes")).not.toBe(false);
  });

  test("stops every producer by an alarm, and lets them go on", async () => {
    const stage = await opened("memory-alarm");
    const { model } = await client(stage);
    const told: string[] = [];
    model.on("blocked", () => told.push("blocked"));
    model.on("unblocked", () => told.push("unblocked"));
    const channel = await model.createConfirmChannel();
    await channel.assertQueue("notes", { durable: true });
    await strikes(stage, async () => {
      // A connection is stopped when it publishes.
      channel.sendToQueue("notes", Buffer.from("late"));
      await vi.waitFor(() => expect(told).toEqual(["blocked"]), { timeout: 10_000 });
    });
    await channel.waitForConfirms();
    await vi.waitFor(() => expect(told).toEqual(["blocked", "unblocked"]), { timeout: 10_000 });
  });
});
