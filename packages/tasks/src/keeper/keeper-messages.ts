import type { KeeperSpec } from "@lexigram/contracts";
import type { KeeperTimes } from "./block-watch.ts";

/** A queue as the thread knows it: its name in the store, and who renews its leases, by number. */
export interface KeptQueue {
  readonly name: string;
  readonly extender: number | undefined;
}

/** What the thread is told while it runs, in the order in which it happens. */
export type KeeperMessage =
  | { readonly kind: "page"; readonly memory: SharedArrayBuffer }
  | { readonly kind: "extender"; readonly spec: KeeperSpec }
  | { readonly kind: "queue"; readonly queue: KeptQueue }
  | { readonly kind: "task"; readonly name: string }
  | { readonly kind: "close" };

/** What the thread begins with. */
export interface KeeperStart extends KeeperTimes {
  readonly head: SharedArrayBuffer;
  readonly pages: readonly SharedArrayBuffer[];
  readonly extenders: readonly KeeperSpec[];
  readonly queues: readonly KeptQueue[];
  readonly tasks: readonly string[];
  /** Whether a block beyond its limit ends the process. */
  readonly exits: boolean;
}

/** What the thread says. */
export interface KeeperNews {
  readonly kind: "unusable";
  /** Why a backend's module cannot renew leases here. */
  readonly message: string;
}
