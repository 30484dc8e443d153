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

/**
 * What a process is to do, as the body of an asynchronous function of `queue`, `exchange`, `tell`, and `kept`, which
 * resolves when its record holds a job.
 */
export interface Errand {
  readonly url: string;
  readonly namespace: string;
  readonly queue: string;
  readonly leaseMs: number;
  /** Default: a delivery may be held for ever. */
  readonly ackTimeoutMs?: number;
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
  const { url, namespace, queue: name, leaseMs, ackTimeoutMs, home, work } = JSON.parse(process.argv[1]);
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
  let tellKept;
  const kept = new Promise((resolve) => { tellKept = resolve; });
  const put = state.put;
  state.put = async (...args) => {
    const answer = await put(...args);
    if (args[1].kept !== undefined) tellKept();
    return answer;
  };
  state.subscribe = async () => (async function* () { await new Promise(() => {}); })();
  const broker = openBroker({ target: targetOfUrl(url, "url").target });
  const queue = new BrokerQueue({
    name, namespace, broker, type: "quorum", state, indexLeaseMs: leaseMs, ackTimeoutMs, onClose: () => broker.close(),
  });
  // How long a busy machine takes to connect is no subject here.
  while (!(await queue.getTaskCount().then(() => true, () => false)));
  let seq = 0;
  const exchange = (settle, slots = 0) => queue.exchange({
    session: "killed", seq: ++seq, settle, started: [],
    claim: { slots, ahead: 0, leaseMs: 60_000, maxBytes: 1_000_000 },
  });
  const tell = (what) => new Promise((resolve) => process.send({ told: what }, resolve));
  await new (async () => {}).constructor("queue", "exchange", "tell", "kept", work)(queue, exchange, tell, kept);
  await tell("done");
  process.exit(0);
`;

type Message =
  | { readonly told: string }
  | { readonly call: number; readonly method: keyof StateStoreProtocol; readonly args: readonly unknown[] };

/**
 * Runs an errand in a process of its own, over a state store of this one, until it is done or dies.
 *
 * @throws Error when the errand itself throws.
 */
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
  const [code] = (await once(child, "exit")) as [number | null];
  if (!isKilled && code !== 0) throw new Error(`an errand failed, after it told ${told.join(", ")}`);
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
    // What is not given comes as null, which a message may be.
    const given = method === "publish" ? [...args] : args.map((arg) => arg ?? undefined);
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
