// A producer process of the application under test: enqueues when told to, and writes down the fate of each job.
import { join } from "node:path";
import { QueueUnavailableError, task, TaskDispatcher } from "@lexigram/tasks";
import { ledgerName, ProducerLedger } from "../accounts/ledger.ts";
import { now } from "../moment.ts";
import { SeededRandom } from "../seeded-random.ts";
import {
  bootApp,
  chaosJob,
  givenSettings,
  leave,
  poisonOptions,
  type ProducerOrder,
  type ProducerSettings,
  report,
} from "./chaos-app.ts";

const settings = givenSettings<ProducerSettings>();
const random = new SeededRandom(settings.seed, settings.prefix);
const app = await bootApp(settings);
const tasks = app.get(TaskDispatcher);
const job = chaosJob(settings);
const poisonJob = task(poisonOptions);
const ledger = new ProducerLedger(join(settings.ledgers, ledgerName("producer", process.pid)));

/** One job in so many is delayed, where some are. */
const DELAYED_EVERY = 5;
const DELAY_MS = 300;

let order: Extract<ProducerOrder, string> = "hold";
let held: (() => void)[] = [];
process.on("message", (given: ProducerOrder) => {
  if (typeof given === "object") return void spread(given);
  order = given;
  if (order === "hold") return;
  for (const goOn of held) goOn();
  held = [];
});

async function spread({ poison, id }: Exclude<ProducerOrder, string>): Promise<void> {
  try {
    await tasks.enqueue(poisonJob, { kind: poison }, { id });
  } catch (error) {
    report({ problem: `enqueue ${id}: ${String(error)}` });
  }
}

let made = 0;
async function lane(): Promise<void> {
  for (;;) {
    if (order === "hold") await new Promise<void>((resolve) => held.push(resolve));
    if (order === "finish") return;
    const id = `${settings.prefix}-${++made}`;
    ledger.asked(id);
    try {
      const ms = random.between(5, 50);
      if (settings.delays === true && made % DELAYED_EVERY === 0)
        await tasks.enqueue(job, { ms, dueAt: now() + DELAY_MS }, { id, delay: DELAY_MS });
      else await tasks.enqueue(job, { ms }, { id });
      ledger.record("accepted", id);
    } catch (error) {
      const unavailable = error instanceof QueueUnavailableError;
      ledger.record(unavailable && error.fields.accepted === "no" ? "refused" : "unknown", id);
      if (!unavailable) report({ problem: `enqueue ${id}: ${String(error)}` });
    }
  }
}

report({ ready: true });
await Promise.all(Array.from({ length: settings.lanes }, lane));
await app.close();
ledger[Symbol.dispose]();
leave();
