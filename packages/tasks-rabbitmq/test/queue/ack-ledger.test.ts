import type { Channel, Message } from "amqplib";
import { describe, expect, test } from "vitest";
import { AckLedger } from "../../src/queue/ack-ledger.ts";

/** A channel that writes down what is sent on it. */
function writing(): { channel: Channel; sent: string[] } {
  const sent: string[] = [];
  const tagOf = ({ fields }: Message): number => fields.deliveryTag;
  const channel = {
    ack: (message: Message, upTo: boolean) => void sent.push(`ack ${upTo ? "to " : ""}${tagOf(message)}`),
    nack: (message: Message) => void sent.push(`nack ${tagOf(message)}`),
  };
  return { channel: channel as unknown as Channel, sent };
}

describe("acknowledgements", () => {
  test("go out in one frame up to the oldest that is open, and one by one above it", () => {
    const { channel, sent } = writing();
    const ledger = new AckLedger(channel);
    for (let tag = 1; tag <= 8; tag++) ledger.delivered(tag);
    for (const tag of [6, 2, 1, 3, 8]) ledger.ack(tag);
    ledger.flush();
    expect(sent).toEqual(["ack to 3", "ack 6", "ack 8"]);
    for (const tag of [4, 5, 7]) ledger.ack(tag);
    ledger.flush();
    expect(sent.slice(3)).toEqual(["ack to 7"]);
    ledger.flush();
    expect(sent.length).toBe(4);
  });

  test("are sent once for each delivery, and for none that was handed back", () => {
    const { channel, sent } = writing();
    const ledger = new AckLedger(channel);
    for (let tag = 1; tag <= 3; tag++) ledger.delivered(tag);
    ledger.giveBack(2);
    for (const tag of [2, 1, 1, 9]) ledger.ack(tag);
    ledger.giveBack(1);
    ledger.flush();
    expect(sent).toEqual(["nack 2", "ack to 1"]);
  });

  test("spare a delivery that is told later than those behind it", () => {
    const { channel, sent } = writing();
    const ledger = new AckLedger(channel);
    for (const tag of [2, 3, 4]) ledger.delivered(tag);
    for (const tag of [2, 3]) ledger.ack(tag);
    ledger.flush();
    ledger.delivered(1);
    for (const tag of [4, 1]) ledger.ack(tag);
    ledger.flush();
    expect(sent).toEqual(["ack 2", "ack 3", "ack to 4"]);
  });

  test("spare what is open although those behind it were told first", () => {
    const { channel, sent } = writing();
    const ledger = new AckLedger(channel);
    for (const tag of [2, 3, 4, 1]) ledger.delivered(tag);
    for (const tag of [2, 3]) ledger.ack(tag);
    ledger.flush();
    expect(sent).toEqual(["ack 2", "ack 3"]);
  });
});
