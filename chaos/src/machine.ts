import { cpus, totalmem } from "node:os";

/** What a run was made on; what it showed says nothing without. */
export function machineLine(): string {
  const [cpu] = cpus();
  return `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? "unknown CPU"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}
