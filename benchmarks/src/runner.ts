// A child process that runs workloads of one system, as its parent asks for them.
import { findSubject } from "./systems.ts";
import { type Measured, WORKLOADS } from "./workloads.ts";

export interface RunRequest {
  readonly subject: string;
  readonly workload: string;
  readonly n: number;
  readonly concurrency: number;
}

export type RunReply = { readonly measured: Measured } | { readonly failed: string };

async function answer(request: RunRequest): Promise<RunReply> {
  const workload = WORKLOADS.find((w) => w.id === request.workload);
  if (workload === undefined) return { failed: `there is no workload ${request.workload}` };
  try {
    return { measured: await workload.run(findSubject(request.subject), request) };
  } catch (error) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", (request: RunRequest) => {
  void answer(request).then((reply) => process.send?.(reply));
});
process.send?.("ready");
