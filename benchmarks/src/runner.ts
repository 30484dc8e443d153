// A child process that runs workloads of one system, as its parent asks for them.
import { Child } from "./child.ts";
import type { Gauge } from "./stores/gauge.ts";
import { gaugeOf } from "./stores/stores.ts";
import { loadSubject } from "./systems.ts";
import { WORKLOADS } from "./workloads.ts";

export interface RunRequest {
  readonly subject: string;
  readonly workload: string;
  readonly n: number;
  readonly concurrency: number;
  /** Where the store is; absent for one in memory. */
  readonly url?: string;
  /** Milliseconds after which it hangs. Absent: as most workloads. */
  readonly longMs?: number;
  /** `beside`: the part of the workload that belongs in a second process. */
  readonly part?: "beside";
}

export type RunReply = { readonly value: unknown } | { readonly failed: string };

let gauge: Gauge | undefined;
let second: Child | undefined;

async function valueOf(request: RunRequest): Promise<unknown> {
  const workload = WORKLOADS.find((w) => w.id === request.workload);
  if (workload === undefined) throw new Error(`there is no workload ${request.workload}`);
  const subject = await loadSubject(request.subject);
  if (request.part === "beside") {
    if (workload.beside === undefined) throw new Error("it has no second part");
    return workload.beside(subject, request);
  }
  gauge ??= gaugeOf(request.url);
  await gauge.empty();
  return workload.run(subject, {
    ...request,
    gauge,
    beside: async () => {
      second ??= await Child.start();
      return second.run({ ...request, part: "beside" });
    },
  });
}

async function answer(request: RunRequest): Promise<RunReply> {
  try {
    return { value: await valueOf(request) };
  } catch (error) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", (request: RunRequest) => {
  void answer(request).then((reply) => process.send?.(reply));
});
// Whoever asked is gone, and a connection would keep this process for ever.
process.on("disconnect", () => process.exit());
process.send?.("ready");
