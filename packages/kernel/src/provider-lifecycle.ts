import { type Clock, type Logger, milliseconds } from "@lexigram/contracts";
import {
  ProviderBootError,
  ProviderBootTimeoutError,
  ProviderInUseError,
  ProviderShutdownError,
  ProviderSkippedError,
} from "./errors/provider-errors.ts";
import type { BootContainer } from "./injection.ts";
import type { Provider } from "./provider.ts";

type Phase = "boot" | "shutdown";

const inUse = new WeakSet<Provider>();

/** Boots the providers of one application level by level, and shuts down those that booted. */
export class ProviderLifecycle {
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Levels with what has booted of them, in the order of booting. */
  readonly #booted: Provider[][] = [];
  readonly #adopted: Provider[] = [];
  readonly #skipped = new Map<Provider, unknown>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  get booted(): readonly Provider[] {
    return this.#booted.flat();
  }

  /** Providers that are not required and failed to boot, with the reason. */
  get skipped(): ReadonlyMap<Provider, unknown> {
    return this.#skipped;
  }

  /** @throws ProviderInUseError when one of them serves another application. */
  adopt(providers: Iterable<Provider>): void {
    for (const provider of providers) {
      if (inUse.has(provider)) throw new ProviderInUseError({ provider: provider.name });
      inUse.add(provider);
      this.#adopted.push(provider);
    }
  }

  /**
   * Boots levels one after the other.
   *
   * @param goOn is asked before each level; throws to end the boot.
   * @throws the first failure of a required provider, after the others of its level have finished.
   */
  async boot(
    levels: readonly (readonly Provider[])[],
    container: BootContainer,
    goOn: () => void,
  ): Promise<void> {
    for (const level of levels) {
      goOn();
      const booted: Provider[] = [];
      this.#booted.push(booted);
      const failures: unknown[] = [];
      await Promise.all(
        level.map(async (provider) => {
          try {
            this.#assertNotSkipped(provider);
            await this.#bootOne(provider, container);
            booted.push(provider);
          } catch (error) {
            await this.#tell(provider, error, "boot");
            const failure = asBootError(provider, error);
            if (provider.required) failures.push(failure);
            else this.#skip(provider, failure);
          }
        }),
      );
      if (failures.length > 0) throw failures[0];
    }
  }

  /** Shuts down what has booted, last level first. Goes on when one fails, and throws the first failure at the end. */
  async shutdown(): Promise<void> {
    const failures: unknown[] = [];
    for (const level of this.#booted.splice(0).reverse())
      await Promise.all(
        level.map(async (provider) => {
          try {
            await provider.shutdown();
          } catch (error) {
            await this.#tell(provider, error, "shutdown");
            const failure = new ProviderShutdownError({ provider: provider.name }, error);
            this.#logger.error("a provider failed to shut down", { provider: provider.name, error });
            failures.push(failure);
          }
        }),
      );
    for (const provider of this.#adopted.splice(0)) inUse.delete(provider);
    if (failures.length > 0) throw failures[0];
  }

  async #bootOne(provider: Provider, container: BootContainer): Promise<void> {
    if (provider.bootTimeout === undefined) return provider.boot(container);
    const timeoutMs = milliseconds(provider.bootTimeout);
    const booting = Promise.resolve().then(() => provider.boot(container));
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        reject(new ProviderBootTimeoutError({ provider: provider.name, timeoutMs }));
        this.#endLateBoot(provider, booting);
      }, timeoutMs);
      booting.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  /** What booted after nobody waited for it any more still has to be stopped. */
  #endLateBoot(provider: Provider, booting: Promise<void>): void {
    booting
      .then(() => provider.shutdown())
      .catch((error: unknown) =>
        this.#logger.warn("a provider that was too late to boot failed", { provider: provider.name, error }),
      );
  }

  #skip(provider: Provider, failure: unknown): void {
    this.#skipped.set(provider, failure);
    this.#logger.warn("an optional provider failed to boot and is left out", {
      provider: provider.name,
      error: failure,
    });
  }

  #assertNotSkipped(provider: Provider): void {
    for (const { name } of this.#skipped.keys())
      if (provider.dependencies.includes(name))
        throw new ProviderSkippedError({ provider: provider.name, dependency: name });
  }

  async #tell(provider: Provider, error: unknown, phase: Phase): Promise<void> {
    try {
      await provider.onError(error, phase);
    } catch (thrown) {
      this.#logger.warn("a provider's onError failed", { provider: provider.name, error: thrown });
    }
  }
}

function asBootError(provider: Provider, error: unknown): unknown {
  if (error instanceof ProviderBootTimeoutError || error instanceof ProviderSkippedError) return error;
  return new ProviderBootError({ provider: provider.name }, error);
}
