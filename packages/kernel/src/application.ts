import { Clock, Logger, Random, systemClock, systemRandom } from "@lexigram/contracts";
import { applicationHealth } from "./application-health.ts";
import { assertBootOptions, type BootOptions, configOf } from "./boot-options.ts";
import { compose } from "./composition.ts";
import { AppConfig } from "./config/app-config.ts";
import { judgeIssues } from "./config/judge-issues.ts";
import { KernelContainer } from "./container.ts";
import { ApplicationStateError, ApplicationStoppedError } from "./errors/application-errors.ts";
import { EventBus } from "./event-bus.ts";
import { type AggregateHealth, DEFAULT_HEALTH_TIMEOUT_MS, HealthRegistry } from "./health.ts";
import { type HookActions, HookRegistry } from "./hooks.ts";
import type { Container, Injectable } from "./injection.ts";
import { configuredLogger } from "./logging.ts";
import type { ModuleLifecycle } from "./module.ts";
import { collectModules, type ModuleGraph } from "./module-graph.ts";
import type { Binding } from "./provide.ts";
import { ProviderLifecycle } from "./provider-lifecycle.ts";

export type ApplicationState = "created" | "starting" | "running" | "stopping" | "stopped";

/**
 * An application: modules put together, started and stopped. It shares nothing with other applications of the
 * process. It starts once and stops once; `stop` may be called at any time, from anywhere, any number of times.
 */
export class Application implements AsyncDisposable {
  readonly name: string;
  readonly config: AppConfig;
  readonly hooks: HookRegistry;
  readonly events: EventBus;
  /** Checks besides those of providers. */
  readonly healthChecks: HealthRegistry;
  readonly #graph: ModuleGraph;
  readonly #overrides: readonly Binding[];
  readonly #container = new KernelContainer();
  readonly #providers: ProviderLifecycle;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #ended: Promise<void>;
  #end!: () => void;
  #state: ApplicationState = "created";
  #composed = false;
  #booting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #booted: ModuleLifecycle[] = [];
  #exitCode: number | undefined;

  /**
   * Reads configuration and follows the modules' imports; nothing is registered or started.
   *
   * @throws ApplicationOptionError for an option that does not exist, and errors of modules and configuration files.
   */
  constructor(options: BootOptions = {}) {
    assertBootOptions(options);
    const { name = "application", clock = systemClock } = options;
    this.name = name;
    this.config = configOf(options);
    this.#ended = new Promise((resolve) => (this.#end = resolve));
    this.#clock = clock;
    this.#logger = configuredLogger(this.config, clock, options.logger);
    this.#graph = collectModules(name, options.modules ?? [], options.providers ?? []);
    this.#overrides = options.overrides ?? [];
    this.hooks = new HookRegistry(this.#logger);
    this.hooks.registerAction("application.stop-requested", (request) => this.#requested(request));
    this.events = new EventBus(this.#logger);
    this.healthChecks = new HealthRegistry(clock);
    this.#providers = new ProviderLifecycle(clock, this.#logger);
    const own: readonly (readonly [Injectable<unknown>, unknown])[] = [
      [Application, this],
      [AppConfig, this.config],
      [HookRegistry, this.hooks],
      [EventBus, this.events],
      [HealthRegistry, this.healthChecks],
      [Logger, this.#logger],
      [Clock, clock],
      [Random, options.random ?? systemRandom],
    ];
    for (const [key, value] of own) this.#container.register(key, { useValue: value }, "singleton");
  }

  /** Makes an application and starts it. Rejects as the constructor throws and `start` rejects. */
  static async boot(options: BootOptions = {}): Promise<Application> {
    const app = new Application(options);
    await app.start();
    return app;
  }

  get state(): ApplicationState {
    return this.#state;
  }

  /** Resolves once the application has stopped or failed to start, for whatever reason. Never rejects. */
  get stopped(): Promise<void> {
    return this.#ended;
  }

  /** With what the process should end, when whoever asked the application to stop said so. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** What the application consists of. Can be resolved from while it runs or stops. */
  get container(): Container {
    return this.#container;
  }

  /** The service; see {@link Container.resolve} for what it throws. */
  get<T>(key: Injectable<T>): T {
    if (!this.#composed)
      throw new ApplicationStateError({ operation: "get", state: this.#state }, "start it first");
    return this.#container.resolve(key);
  }

  /** The same as `get`. */
  resolve<T>(key: Injectable<T>): T {
    return this.get(key);
  }

  /**
   * Registers everything and boots it. When anything fails, what has booted is shut down in reverse, and the
   * application is stopped.
   *
   * @throws ApplicationStateError unless the application is new; ApplicationStoppedError when `stop` was called
   *   meanwhile; otherwise the first thing that went wrong, ProviderBootError for a provider's boot.
   */
  async start(): Promise<void> {
    if (this.#state !== "created")
      throw new ApplicationStateError({ operation: "start", state: this.#state }, "make a new application");
    this.#state = "starting";
    const started = this.#clock.monotonic();
    this.#booting = this.#boot();
    await this.#booting;
    const durationMs = this.#clock.monotonic() - started;
    this.#logger.info("application started", { application: this.name, durationMs });
    // Not part of the boot: an action may stop the application and wait for it.
    await this.hooks.callAction("application.started", { application: this.name, durationMs });
  }

  /**
   * Shuts everything down in reverse. Called while the application starts, it ends the start. Further calls give
   * the same promise. Must not be waited for inside `boot`, `shutdown` or an action of `application.stopping`: each
   * would wait for the other.
   *
   * @throws the first thing that failed to shut down, after everything else was shut down.
   */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  /** The same as `stop`. */
  close(): Promise<void> {
    return this.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The health of everything: the application itself, providers, and checks that were added. */
  health(timeoutMs: number = DEFAULT_HEALTH_TIMEOUT_MS): Promise<AggregateHealth> {
    return applicationHealth(this, this.#clock, undefined, timeoutMs);
  }

  /** Whether the process should stay alive. */
  liveness(timeoutMs: number = DEFAULT_HEALTH_TIMEOUT_MS): Promise<AggregateHealth> {
    return applicationHealth(this, this.#clock, "liveness", timeoutMs);
  }

  /** Whether the process should be given work: all that its providers and readiness checks say. */
  readiness(timeoutMs: number = DEFAULT_HEALTH_TIMEOUT_MS): Promise<AggregateHealth> {
    return applicationHealth(this, this.#clock, "readiness", timeoutMs);
  }

  /** Whether the process has come up. */
  startupCheck(timeoutMs: number = DEFAULT_HEALTH_TIMEOUT_MS): Promise<AggregateHealth> {
    return applicationHealth(this, this.#clock, "startup", timeoutMs);
  }

  #requested({ reason, exitCode }: HookActions["application.stop-requested"]): void {
    this.#exitCode ??= exitCode;
    this.#logger.info("the application was asked to stop", { application: this.name, reason });
    this.stop().catch((error: unknown) => this.#logger.error("the application could not stop", { error }));
  }

  async #boot(): Promise<void> {
    try {
      await this.hooks.callAction("application.starting", { application: this.name });
      const { levels, issues } = await compose(
        this.#graph,
        this.#container,
        this.config,
        this.#overrides,
        this.#providers,
      );
      this.#composed = true;
      judgeIssues([...this.config.issues, ...issues], this.config.environment, this.#logger);
      await this.#providers.boot(levels, this.#container, () => this.#assertWanted());
      this.#watchProviders();
      for (const { module } of this.#graph.nodes)
        await this.#bootModule(module as ModuleLifecycle | undefined);
      this.#assertWanted();
      this.#state = "running";
    } catch (error) {
      for (const failure of await this.#tearDown())
        this.#logger.error("cleaning up after a failed start failed", { error: failure });
      throw error;
    }
  }

  async #stop(): Promise<void> {
    const failed = await this.#booting?.then(
      () => false,
      () => true,
    );
    // A start that failed has cleaned up after itself.
    if (failed === true) return;
    const ran = this.#state === "running";
    this.#state = "stopping";
    if (ran) await this.hooks.callAction("application.stopping", { application: this.name });
    const failures = await this.#tearDown();
    if (ran) {
      this.#logger.info("application stopped", { application: this.name });
      await this.hooks.callAction("application.stopped", { application: this.name });
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Undoes what the start has done so far, in reverse, whatever fails on the way. */
  async #tearDown(): Promise<readonly unknown[]> {
    this.#state = "stopping";
    const failures: unknown[] = [];
    const attempt = async (step: () => void | Promise<void>): Promise<void> => {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    };
    for (const module of this.#booted.splice(0).reverse()) await attempt(() => module.onModuleShutdown?.());
    await attempt(() => this.#providers.shutdown());
    await attempt(() => this.#container.dispose());
    this.#state = "stopped";
    this.#end();
    return failures;
  }

  async #bootModule(module: ModuleLifecycle | undefined): Promise<void> {
    if (module === undefined) return;
    await module.onModuleBooted?.(this.#container);
    this.#booted.push(module);
  }

  #assertWanted(): void {
    if (this.#stopping !== undefined) throw new ApplicationStoppedError({ application: this.name });
  }

  #watchProviders(): void {
    for (const provider of this.#providers.booted)
      this.healthChecks.add(provider.name, () => provider.healthCheck());
    for (const { name } of this.#providers.skipped.keys())
      this.healthChecks.add(name, () => ({ status: "degraded", message: "failed to boot and was left out" }));
  }
}
