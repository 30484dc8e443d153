import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type RabbitServer, rabbitServer } from "../rabbit-server.ts";
import { BrokerPlay, brokerScripts } from "./broker-model.ts";

const numRuns = Number(process.env["LEX_PROPERTY_RUNS"] ?? 15);
const seed = Number(process.env["LEX_SEED"] ?? 20_261_130);

let server: RabbitServer;
beforeAll(async () => {
  server = await rabbitServer();
});
afterAll(() => server.end());

describe(`a queue on RabbitMQ (seed ${seed})`, () => {
  test.each(["quorum", "classic"] as const)(
    "of type %s hands every job out as the model says, and loses none",
    { timeout: 60_000 + numRuns * 4_000 },
    async (type) => {
      await fc.assert(
        fc.asyncProperty(brokerScripts, (script) => new BrokerPlay(server, type).play(script)),
        { numRuns, seed },
      );
    },
  );
});
