import type { NamedBackendOptions } from "@lexigram/tasks";
import type { Cleanup } from "../run/cleanup.ts";

/** A private server of a store, up and ready, and how an application names a queue on it. */
export interface StoreServer {
  readonly queue: NamedBackendOptions;
  readonly port: number;
  /** The same queue by way of another port of this machine. */
  through(port: number): NamedBackendOptions;
  /** Ends it without warning; what it had made durable stays. */
  kill(): Promise<void>;
  /** Brings it back; resolves when it answers. */
  start(): Promise<unknown>;
}

/** Starts a private server; `cleanup` ends it. */
export type OpenServer = (cleanup: Cleanup) => Promise<StoreServer>;
