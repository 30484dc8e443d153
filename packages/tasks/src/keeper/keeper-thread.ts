// The keeper's thread. It has a loop of its own, so that a handler that blocks the other one keeps its lease.
import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import {
  type ExtendReply,
  type LeaseExtender,
  type LeaseExtenderFactory,
  type KeeperSpec,
  type Receipt,
  redact,
  systemClock,
  type Timer,
} from "@lexigram/contracts";
import { BlockWatch } from "./block-watch.ts";
import type { KeeperMessage, KeeperNews, KeeperStart } from "./keeper-messages.ts";
import { leasePage } from "./lease-board.ts";
import { type SeenLease, SeenLeases } from "./seen-leases.ts";
import { sharedTime } from "./shared-time.ts";

const start = workerData as KeeperStart;
const queues = [...start.queues];
const tasks = [...start.tasks];
const leases = new SeenLeases(
  new Int32Array(start.head),
  start.pages.map((memory) => leasePage(memory)),
);
const specs = [...start.extenders];
const extenders: (Promise<LeaseExtender | undefined> | undefined)[] = [];

/** The extender of a backend, made when the thread has nothing else to do, and at the latest when it is needed. */
function extenderOf(number: number): Promise<LeaseExtender | undefined> {
  return (extenders[number] ??= open(specs[number]!));
}

async function open({ module, data }: KeeperSpec): Promise<LeaseExtender | undefined> {
  try {
    const { leaseExtender } = (await import(module)) as { readonly leaseExtender: LeaseExtenderFactory };
    return leaseExtender(data);
  } catch (error) {
    const message = redact(error instanceof Error ? error.message : String(error));
    parentPort!.postMessage({ kind: "unusable", message } satisfies KeeperNews);
    return undefined;
  }
}

function extend(queue: number): ((receipts: readonly Receipt[]) => Promise<ExtendReply>) | undefined {
  const kept = queues[queue];
  if (kept?.extender === undefined) return undefined;
  const { name, extender } = kept;
  return async (receipts) => {
    const opened = await extenderOf(extender);
    if (opened === undefined) throw new Error("the backend's module cannot be used here");
    return opened.extend(name, receipts, start.leaseMs);
  };
}

/** The loop that writes logs stands still, and so do the handlers of signals: what is left is a file, and a signal that needs none. */
function end(blockedMs: number, culprit: SeenLease | undefined): void {
  if (!start.exits) return;
  const who =
    culprit === undefined
      ? "by an unknown task"
      : `by task "${tasks[culprit.task] ?? "?"}"${culprit.jobId === "" ? "" : `, job "${culprit.jobId}"`}`;
  const line = `lexigram: the event loop has been blocked for ${Math.round(blockedMs)} ms ${who}, past its time limit; the process ends (onBlocked: "exit")\n`;
  try {
    writeSync(2, line);
  } finally {
    process.kill(process.pid, "SIGKILL");
  }
}

const watch = new BlockWatch({ ...start, leases, now: sharedTime, extend, givenUp: end });
let timer: Timer;

function look(): void {
  timer = systemClock.setTimer(look, start.beatMs);
  watch.look();
  for (const number of specs.keys()) void extenderOf(number);
}
timer = systemClock.setTimer(look, start.beatMs);

async function close(): Promise<void> {
  timer.cancel();
  for (const opening of extenders) {
    const extender = await opening;
    await extender?.close().catch(() => undefined);
  }
  parentPort!.close();
}

parentPort!.on("message", (message: KeeperMessage) => {
  switch (message.kind) {
    case "page":
      return leases.addPage(leasePage(message.memory));
    case "extender":
      return void specs.push(message.spec);
    case "queue":
      return void queues.push(message.queue);
    case "task":
      return void tasks.push(message.name);
    case "close":
      return void close();
  }
});
