import { randomUUID } from "node:crypto";
import type { Body, NewJob, SerializedError } from "@lexigram/contracts";

const thisProcess = randomUUID().slice(0, 13).replace("-", "");
let made = 0;

/** A text that no other call returned, in this process or, with near certainty, in any other. */
export function uniqueName(prefix: string): string {
  made++;
  return `${prefix}-${thisProcess}-${made.toString(36)}`;
}

/** A body as the JSON codec writes it. */
export function aBody(value: unknown): Body {
  return { data: JSON.stringify(value), encoding: "json" };
}

/** A job that can be stored as it is; give what the case is about. */
export function aJob(given: Partial<NewJob> = {}): NewJob {
  return {
    id: uniqueName("job"),
    task: "conformance.work",
    body: aBody({ input: null }),
    headers: {},
    priority: 5,
    ...given,
  };
}

/** An error as a worker stores it. */
export function anError(message = "the handler failed"): SerializedError {
  return { name: "Error", message };
}
