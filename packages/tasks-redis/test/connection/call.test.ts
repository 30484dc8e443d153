import { QueueUnavailableError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { type Call, type CallOwner, Flight, ScriptCall, WaitCall } from "../../src/connection/call.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";
import { PING_FRAME } from "../../src/connection/wire.ts";

const script = new RedisScript("one", "return 1");

function owned() {
  const resent: Call[] = [];
  const left: Error[] = [];
  const owner: CallOwner = {
    flight: new Flight(),
    resend: (call) => void resent.push(call),
    leave: (error) => void left.push(error),
    slotOf: () => 7,
  };
  const call = (): ScriptCall => new ScriptCall(owner, script, ["{q}a"], ["x"], "emails", false);
  return { owner, call, resent, left };
}

function reply(message: string): Error {
  const error = new Error(message);
  error.name = "ReplyError";
  return error;
}

async function fieldsOf(call: Call): Promise<QueueUnavailableError["fields"]> {
  const error: unknown = await call.promise.catch((thrown: unknown) => thrown);
  if (error instanceof QueueUnavailableError) return error.fields;
  throw error;
}

describe("a call", () => {
  test("is written by hash, and answered", async () => {
    const { owner, call: make } = owned();
    const call = make();
    expect(call.toWritable("socket")).toContain(script.sha);
    call.resolve(Buffer.from("done"));
    expect(await call.promise).toBe("done");
    expect(owner.flight.heard).toBe(1);
    await owner.flight.drained();
  });

  test("brings its script along when the server does not know it, once", async () => {
    const { call: make, resent } = owned();
    const call = make();
    call.toWritable("socket");
    call.reject(reply("NOSCRIPT No matching script."));
    expect(resent).toEqual([call]);
    expect(call.toWritable("socket")).toContain(script.source);
    call.reject(reply("NOSCRIPT No matching script."));
    expect(resent).toHaveLength(1);
    expect(await fieldsOf(call)).toMatchObject({ accepted: "no", retryable: true });
  });

  test("that is sent again by a client that lost its link goes out as a PING, its fate unknown", async () => {
    const { call: make } = owned();
    const call = make();
    call.toWritable("old socket");
    expect(call.toWritable("new socket")).toBe(PING_FRAME);
    call.resolve(Buffer.from("PONG"));
    expect(await fieldsOf(call)).toMatchObject({ accepted: "unknown", retryable: true });
  });

  test("that was given up before it was written never is, and was not accepted", async () => {
    const { call: make } = owned();
    const call = make();
    call.lose(new Error("too late"));
    expect(call.toWritable("socket")).toBe(PING_FRAME);
    expect(await fieldsOf(call)).toMatchObject({ accepted: "no" });
  });

  test("ends once, with what came first", async () => {
    const { call: make } = owned();
    const call = make();
    call.toWritable("socket");
    call.lose(new Error("too late"));
    call.resolve(Buffer.from("late"));
    call.reject(reply("ERR late"));
    expect(await fieldsOf(call)).toMatchObject({ accepted: "unknown" });
  });

  test("says so when the server is no longer the one to ask", async () => {
    const { call: make, left } = owned();
    const call = make();
    call.toWritable("socket");
    call.reject(reply("READONLY You can't write against a read only replica."));
    expect(await fieldsOf(call)).toMatchObject({ accepted: "no", retryable: true });
    expect(left).toHaveLength(1);
  });

  test("shows its arguments to nobody", () => {
    expect(owned().call().args).toEqual([]);
  });
});

describe("a call through a cluster client", () => {
  /** Takes the place of `reject` as the cluster client does. */
  function routed(call: Call, retry: (error: Error) => boolean): void {
    const own = call.reject;
    call.reject = (error: Error) => {
      if (!retry(error)) own.call(call, error);
    };
  }

  test("is written again where it was moved to", async () => {
    const call = owned().call();
    routed(call, (error) => error.message.startsWith("MOVED"));
    call.toWritable("a");
    call.reject(reply("MOVED 7 host:1"));
    expect(call.toWritable("b")).toContain(script.sha);
    call.resolve(Buffer.from("done"));
    expect(await call.promise).toBe("done");
  });

  test("stays lost when its link broke after it was written", async () => {
    const call = owned().call();
    routed(call, () => true);
    call.toWritable("a");
    call.reject(new Error("Connection is closed."));
    expect(await fieldsOf(call)).toMatchObject({ accepted: "unknown" });
  });

  test("goes elsewhere when its link broke before it was written", async () => {
    const call = owned().call();
    routed(call, () => true);
    call.reject(new Error("Connection is closed."));
    expect(call.toWritable("b")).toContain(script.sha);
    call.resolve(null);
    expect(await call.promise).toBeNull();
  });

  test("ends with what the cluster client gives up on", async () => {
    const { call: make, resent } = owned();
    const call = make();
    routed(call, () => false);
    call.toWritable("a");
    call.reject(reply("NOSCRIPT No matching script."));
    expect(resent).toEqual([call]);
    call.toWritable("a");
    call.reject(reply("CLUSTERDOWN Hash slot not served"));
    expect(await fieldsOf(call)).toMatchObject({ accepted: "no", retryable: true });
  });
});

describe("calls in flight", () => {
  test("expire in the order in which they began, and only those that are due", async () => {
    const { owner, call: make } = owned();
    const first = make();
    first.toWritable("socket");
    owner.flight.tick += 2;
    const second = make();
    owner.flight.tick += 2;
    expect(owner.flight.expire(3, () => new Error("late"))).toBe(true);
    expect(await fieldsOf(first)).toMatchObject({ accepted: "unknown" });
    expect(second.isSettled).toBe(false);
    expect(owner.flight.expire(3, () => new Error("late"))).toBe(false);
    second.resolve(1);
    await owner.flight.drained();
  });

  test("leave the list from any place in it", async () => {
    const { owner, call: make } = owned();
    const calls = [make(), make(), make(), make()];
    for (const i of [1, 3, 0, 2]) calls[i]?.resolve(i);
    await owner.flight.drained();
    expect(await Promise.all(calls.map((call) => call.promise))).toEqual([0, 1, 2, 3]);
    const again = make();
    owner.flight.loseAll(new Error("gone"));
    expect(await fieldsOf(again)).toMatchObject({ accepted: "no" });
  });
});

test("WAIT names how many replicas and how long", () => {
  expect(new WaitCall(owned().owner, [], "emails", 2, 800).toWritable("socket")).toBe(
    "*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$3\r\n800\r\n",
  );
});
