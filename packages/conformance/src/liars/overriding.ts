import type { StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import type { HarnessSource, QueueHarness, StateHarness } from "../kit/harness.ts";
import type { QueueLaw, StateLaw } from "../kit/case.ts";

/** A queue that breaks its word in one way, made of one that keeps it. */
export interface QueueLiar {
  /** What it does wrong. */
  readonly name: string;
  /** The laws that notice. */
  readonly breaks: readonly QueueLaw[];
  /** Why the lie cannot break fewer laws; needed when it breaks more than one. */
  readonly because?: string;
  /** Called once for each harness; what it returns is laid over each of its queues. */
  lie(): (honest: TaskQueueProtocol) => Partial<TaskQueueProtocol>;
  /** Lies about the harness itself. */
  harness?(honest: QueueHarness): Partial<QueueHarness>;
}

/** As {@link QueueLiar}, of a state store. */
export interface StateLiar {
  readonly name: string;
  readonly breaks: readonly StateLaw[];
  readonly because?: string;
  lie(): (honest: StateStoreProtocol) => Partial<StateStoreProtocol>;
  harness?(honest: StateHarness): Partial<StateHarness>;
}

/** A harness whose queues lie. */
export function lyingQueueHarness(
  liar: QueueLiar,
  source: HarnessSource<QueueHarness>,
): () => Promise<QueueHarness> {
  return () => lying(liar, source);
}

/** A harness whose state stores lie. */
export function lyingStateHarness(
  liar: StateLiar,
  source: HarnessSource<StateHarness>,
): () => Promise<StateHarness> {
  return () => lying(liar, source);
}

interface AnyHarness<S> {
  readonly name: string;
  open(): Promise<S>;
  peer(subject: S): Promise<S>;
  reopen(subject: S): Promise<S>;
}

async function lying<S extends object, H extends AnyHarness<S>>(
  liar: { readonly name: string; lie(): (honest: S) => Partial<S>; harness?(honest: H): Partial<H> },
  source: HarnessSource<H>,
): Promise<H> {
  const honest = typeof source === "function" ? await source() : source;
  const behind = new WeakMap<S, S>();
  const lie = liar.lie();
  const dress = (subject: S): S => {
    const dressed = overriding(subject, lie(subject));
    behind.set(dressed, subject);
    return dressed;
  };
  const undress = (dressed: S): S => behind.get(dressed) ?? dressed;
  const dressed = overriding<AnyHarness<S>>(honest, {
    name: `${honest.name} that ${liar.name}`,
    open: async () => dress(await honest.open()),
    peer: async (subject) => dress(await honest.peer(undress(subject))),
    reopen: async (subject) => dress(await honest.reopen(undress(subject))),
  }) as H;
  return liar.harness === undefined ? dressed : overriding(dressed, liar.harness(dressed));
}

/** An object that answers for some members itself and passes everything else on. */
export function overriding<T extends object>(honest: T, own: Partial<T>): T {
  return new Proxy(honest, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
