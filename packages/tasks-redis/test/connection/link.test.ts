import { QueueUnavailableError, TaskConfigError } from "@lexigram/contracts";
import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { type Call, ScriptCall } from "../../src/connection/call.ts";
import type { ClientEvents, RedisClient, ServerNode } from "../../src/connection/ioredis-clients.ts";
import { Link, type LinkState } from "../../src/connection/link.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";

const script = new RedisScript("one", "return 1");

/** A client whose server answers only what the test says. */
class FakeClient implements RedisClient {
  cluster = false;
  divisible = false;
  readonly events: ClientEvents;
  readonly sent: Call[] = [];
  readonly dropped: string[] = [];
  destroyed = 0;
  pings = 0;
  answersPing = true;
  nodeNames = ["host:1"];
  connected!: () => void;
  failed!: (error: Error) => void;
  readonly #connecting: Promise<void>;

  constructor(events: ClientEvents) {
    this.events = events;
    this.#connecting = new Promise((resolve, reject) => {
      this.connected = resolve;
      this.failed = reject;
    });
  }
  connect(): Promise<void> {
    return this.#connecting;
  }
  send(call: Call): void {
    call.toWritable(this);
    this.sent.push(call);
  }
  nodes(): readonly ServerNode[] {
    return this.nodeNames.map((address) => ({
      address,
      ping: () => {
        this.pings++;
        return this.answersPing ? Promise.resolve() : new Promise<never>(() => {});
      },
      info: () => Promise.resolve(""),
      settings: () => Promise.resolve(new Map()),
      drop: () => void this.dropped.push(address),
    }));
  }
  primaries(): readonly ServerNode[] {
    return this.nodes();
  }
  subscribe(): Promise<void> {
    return Promise.resolve();
  }
  unsubscribe(): Promise<void> {
    return Promise.resolve();
  }
  lookAround(): void {
    this.dropped.push("looked around");
  }
  destroy(): void {
    this.destroyed++;
  }
}

function linked(prepare?: (client: RedisClient) => Promise<void>) {
  const clock = new ManualClock();
  const made: FakeClient[] = [];
  const states: LinkState[] = [];
  const link = new Link({
    clock,
    random: () => 1,
    pulses: { call: 10, look: 8, probe: 6, connect: 6 },
    make: (_, events) => {
      const client = new FakeClient(events);
      made.push(client);
      return client;
    },
    ...(prepare === undefined ? {} : { prepare }),
    changed: (state) => void states.push(state),
  });
  const turn = (): Promise<void> => clock.advance(0);
  const call = (): Call => {
    const made = new ScriptCall(link, script, [], [], "emails", false);
    link.client?.send(made);
    return made;
  };
  const connected = async (): Promise<FakeClient> => {
    link.open();
    const client = made.at(-1)!;
    client.connected();
    await turn();
    return client;
  };
  const pulses = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      link.pulse();
      await turn();
    }
  };
  return { clock, link, made, states, turn, call, connected, pulses };
}

async function fieldsOf(call: Promise<unknown>): Promise<QueueUnavailableError["fields"]> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  if (error instanceof QueueUnavailableError) return error.fields;
  throw error;
}

describe("a link", () => {
  test("connects when it is first needed, once", async () => {
    const { link, made, connected } = linked();
    expect([link.state, made.length]).toEqual(["idle", 0]);
    const waiting = [link.ready(1_000, "emails"), link.ready(1_000, "emails")];
    expect(link.state).toBe("connecting");
    const client = await connected();
    expect(await Promise.all(waiting)).toEqual([client, client]);
    expect([link.state, made.length]).toEqual(["ready", 1]);
  });

  test("lets a call wait for it no longer than was said", async () => {
    const { link, clock } = linked();
    const waiting = fieldsOf(link.ready(1_000, "emails"));
    await clock.advance(1_000);
    expect(await waiting).toEqual({ queue: "emails", retryable: true, accepted: "no", ids: [] });
  });

  test("that is lost makes another client after 50 ms, then less often, at least once a second", async () => {
    const { link, clock, made, connected } = linked();
    (await connected()).events.lost(new Error("cut"));
    expect(link.state).toBe("reconnecting");
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt++) {
      const since = clock.now();
      while (made.length === attempt) await clock.advance(1);
      delays.push(clock.now() - since);
      made.at(-1)?.failed(new Error("refused"));
      await clock.advance(0);
    }
    expect(delays).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
  });

  test("tells what was under way that its fate is unknown, and never touches the lost client again", async () => {
    const { link, call, connected } = linked();
    const client = await connected();
    const lost = call();
    client.events.lost(new Error("cut"));
    expect(await fieldsOf(lost.promise)).toMatchObject({ accepted: "unknown", retryable: true });
    expect([client.destroyed, link.client]).toEqual([1, undefined]);
    client.events.lost(new Error("cut again"));
    expect(client.destroyed).toBe(1);
  });

  test("ends a call that is not answered by its deadline, and asks the server whether it is there", async () => {
    const { link, call, connected, pulses } = linked();
    const client = await connected();
    const late = fieldsOf(call().promise);
    await pulses(8);
    const { pings } = client;
    await pulses(3);
    expect(await late).toMatchObject({ accepted: "unknown", retryable: true });
    expect(client.pings).toBe(pings + 1);
    expect(link.state).toBe("ready");
  });

  test("that is heard is not probed; one that is silent is, and one that does not answer is rebuilt", async () => {
    const { link, clock, made, call, connected, pulses } = linked();
    const client = await connected();
    for (let i = 0; i < 4; i++) {
      call().resolve(1);
      await pulses(8);
    }
    expect(client.pings).toBe(0);
    await pulses(8);
    expect(client.pings).toBe(1);
    client.answersPing = false;
    await pulses(8);
    expect([client.pings, link.state]).toEqual([2, "ready"]);
    await pulses(7);
    expect([client.destroyed, link.state]).toEqual([1, "reconnecting"]);
    await clock.advance(50);
    expect(made).toHaveLength(2);
  });

  test("is not rebuilt because the event loop was blocked", async () => {
    const { link, clock, call, connected, pulses } = linked();
    const client = await connected();
    client.answersPing = false;
    const waiting = call();
    await pulses(8);
    // An hour in which no timer fired.
    await clock.advance(3_600_000);
    await pulses(1);
    expect([link.state, waiting.isSettled, client.destroyed]).toEqual(["ready", false, 0]);
    waiting.resolve(1);
  });

  test("gives up an attempt in which the server stays silent", async () => {
    const { link, made, clock, pulses } = linked();
    link.open();
    await pulses(7);
    expect([made[0]?.destroyed, link.state]).toEqual([1, "reconnecting"]);
    await clock.advance(50);
    expect(made).toHaveLength(2);
  });

  test("is ready only after its preparation, and tries again when that fails", async () => {
    let fail = true;
    const { link, clock, made, connected } = linked(() =>
      fail ? Promise.reject(new Error("it is a replica")) : Promise.resolve(),
    );
    await connected();
    expect([link.state, link.lastError?.message]).toEqual(["reconnecting", "it is a replica"]);
    fail = false;
    await clock.advance(50);
    await connected();
    expect([link.state, made.length, link.lastError]).toEqual(["ready", 2, undefined]);
  });

  test("lets nobody wait for what waiting does not mend", async () => {
    const tooOld = new TaskConfigError("Redis 5 is too old", { path: "url" });
    const { link, connected } = linked(() => Promise.reject(tooOld));
    const waiting = link.ready(60_000, "emails").catch((error: unknown) => error);
    await connected();
    expect(await waiting).toBe(tooOld);
    await expect(link.ready(60_000, "emails")).rejects.toBe(tooOld);
  });

  test("leaves a server that is no longer primary, but no whole cluster for that", async () => {
    const { link, connected } = linked();
    const client = await connected();
    client.cluster = true;
    link.leave(new Error("READONLY"));
    expect([link.state, client.dropped]).toEqual(["ready", ["looked around"]]);
    client.cluster = false;
    link.leave(new Error("READONLY"));
    expect(link.state).toBe("reconnecting");
  });

  test("to a cluster probes every node always, and drops the silent ones alone", async () => {
    const { link, connected, call, pulses } = linked();
    const client = await connected();
    client.cluster = client.divisible = true;
    client.nodeNames = ["a:1", "b:2"];
    client.answersPing = false;
    call().resolve(1);
    await pulses(8);
    expect(client.pings).toBe(2);
    await pulses(7);
    expect(client.dropped).toEqual(["a:1", "b:2"]);
    expect(link.state).toBe("ready");
  });

  test("that closes waits for what is under way, refuses who waits, and leaves no timer", async () => {
    const { link, clock, call, connected, states } = linked();
    const client = await connected();
    const last = call();
    const closing = link.close(() => new Error("closed"));
    await clock.advance(0);
    expect(client.destroyed).toBe(0);
    last.resolve(1);
    await closing;
    expect([client.destroyed, link.state, states.at(-1), clock.pendingTimers]).toEqual([
      1,
      "closed",
      "closed",
      0,
    ]);
  });

  test("that closes while it is away stops trying", async () => {
    const { link, clock, made, connected } = linked();
    (await connected()).events.lost(new Error("cut"));
    const waiting = link.ready(1_000, "emails").catch((error: unknown) => error);
    await link.close(() => new Error("closed"));
    expect(await waiting).toEqual(new Error("closed"));
    await clock.advance(60_000);
    expect([made.length, clock.pendingTimers]).toEqual([1, 0]);
  });
});
