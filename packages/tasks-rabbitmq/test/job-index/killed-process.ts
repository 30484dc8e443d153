import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { StateStoreProtocol } from "@lexigram/contracts";

export const home = fileURLToPath(new URL("../..", import.meta.url));

/** At which call of the state store a process dies: before it is applied, or after and before its answer is heard. */
export interface Death {
  readonly call: number;
  readonly when: "before" | "after";
}

/** What a process is to do, as the body of an asynchronous function of `queue`, `exchange` and `tell`. */
export interface Errand {
  readonly url: string;
  readonly namespace: string;
  readonly queue: string;
  readonly leaseMs: number;
  readonly work: string;
}

/** What became of a process. */
export interface End {
  /** Whether it died where it was to. */
  readonly isKilled: boolean;
  /** What it had told before. */
  readonly told: readonly string[];
}

/** A state store that asks the one of the parent for everything, and so lets it decide when this process dies. */
const PROGRAM = `
  process.once("disconnect", () => process.exit(1));
  const { url, namespace, queue: name, leaseMs, home, work } = JSON.parse(process.argv[1]);
  const { BrokerQueue } = await import(home + "/dist/queue/broker-queue.js");
  const { openBroker } = await import(home + "/dist/connection/broker.js");
  const { targetOfUrl } = await import(home + "/dist/connection/amqp-target.js");
  let calls = 0;
  const asked = new Map();
  process.on("message", ({ call, value, error }) => {
    const { resolve, reject } = asked.get(call);
    asked.delete(call);
    if (error === undefined) resolve(value); else reject(new Error(error));
  });
  const ask = (method) => (...args) => new Promise((resolve, reject) => {
    const call = calls++;
    asked.set(call, { resolve, reject });
    process.send({ call, method, args });
  });
  const state = Object.fromEntries(["get", "put", "touch", "delete", "list", "publish"].map((m) => [m, ask(m)]));
  state.subscribe = async () => (async function* () { await new Promise(() => {}); })();
  const broker = openBroker({ target: targetOfUrl(url, "url").target });
  const queue = new BrokerQueue({
    name, namespace, broker, type: "quorum", state, indexLeaseMs: leaseMs, onClose: () => broker.close(),
  });
  let seq = 0;
  const exchange = (settle, slots = 0) => queue.exchange({
    session: "killed", seq: ++seq, settle, started: [],
    claim: { slots, ahead: 0, leaseMs: 60_000, maxBytes: 1_000_000 },
  });
  const tell = (what) => new Promise((resolve) => process.send({ told: what }, resolve));
  await new (async () => {}).constructor("queue", "exchange", "tell", work)(queue, exchange, tell);
  await tell("done");
  process.exit(0);
`;

type Message =
  | { readonly told: string }
  | { readonly call: number; readonly method: keyof StateStoreProtocol; readonly args: readonly unknown[] };

/** Runs an errand in a process of its own, over a state store of this one, until it is done or dies. */
export async function runErrand(errand: Errand, state: StateStoreProtocol, death: Death): Promise<End> {
  const settings = JSON.stringify({ ...errand, home });
  const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM, settings], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const told: string[] = [];
  let isKilled = false;
  child.on("message", (message: Message) => {
    if ("told" in message) {
      told.push(message.told);
      return;
    }
    void answer(child, state, message, death, () => {
      isKilled = true;
      child.kill("SIGKILL");
    });
  });
  await once(child, "exit");
  return { isKilled, told };
}

async function answer(
  child: ChildProcess,
  state: StateStoreProtocol,
  { call, method, args }: Extract<Message, { readonly call: number }>,
  death: Death,
  kill: () => void,
): Promise<void> {
  const isIt = call === death.call;
  if (isIt && death.when === "before") return kill();
  try {
    const given = args.map((arg) => arg ?? undefined);
    const value: unknown = await (state[method] as (...all: unknown[]) => Promise<unknown>).apply(
      state,
      given,
    );
    if (isIt) return kill();
    if (child.connected) child.send({ call, value });
  } catch (error) {
    if (child.connected) child.send({ call, error: String(error) });
  }
}
