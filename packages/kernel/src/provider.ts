import type { Duration, HealthCheckResult } from "@lexigram/contracts";
import type { ZodType } from "zod";
import type { AppConfig } from "./config/app-config.ts";
import type { ConfigIssue } from "./config/config-issue.ts";
import type { BootContainer, ContainerRegistrar } from "./injection.ts";

/** When a provider boots among the others: lower first. Any number in between will do. */
export const ProviderPriority = {
  CRITICAL: 0,
  INFRASTRUCTURE: 10,
  SECURITY: 20,
  NORMAL: 30,
  APPLICATION: 40,
  DOMAIN: 50,
  PRESENTATION: 80,
  COMMS: 90,
  LOW: 100,
} as const;

// A registered symbol, so that a provider of another copy of this package is known as one.
const PROVIDER: unique symbol = Symbol.for("@lexigram/kernel/provider");

/**
 * Something with a life: it registers services, starts what they need, and stops it again. Subclass it, override
 * fields and methods, and list the class, or `perApplication(() => new …)`, in a module's `providers`. One instance
 * serves one application at a time.
 *
 * Calls come in this order, each at most once: `register` of all providers, level by level; `boot` of all, level by
 * level; `shutdown` of those that booted, levels in reverse. Providers of one level are called at the same time.
 *
 * @typeParam Config the type of the section that `configKey` and `configSchema` read.
 */
export abstract class Provider<Config = unknown> {
  /** Unique in an application. Default: the class's name without "Provider", the first letter in lower case. */
  name: string;
  priority: number = ProviderPriority.NORMAL;
  /** Names of providers that must be there and boot first, whatever their priority. */
  dependencies: readonly string[] = [];
  /** Names of providers that boot first if they are there. */
  optionalDependencies: readonly string[] = [];
  /** How long `boot` may take. Default: no limit. */
  bootTimeout?: Duration;
  /** Whether the application fails with the provider's boot. Otherwise it is logged and left out. Default true. */
  required = true;
  /** The section of configuration that becomes `config`, such as `"tasks"` or `"tasks.worker"`. */
  configKey?: string;
  configSchema?: ZodType<Config>;
  /** Values below every source of configuration, as a module's options give them. Only plain objects are merged. */
  configDefaults?: object;
  /** The parsed section; there before `register` when both `configKey` and `configSchema` are set. */
  config!: Config;

  constructor() {
    this.name = defaultName(new.target.name);
  }

  get [PROVIDER](): true {
    return true;
  }

  /** Binds services. Must neither resolve nor wait for anything outside. What it throws fails the start. */
  register(_container: ContainerRegistrar, _config: AppConfig): void | Promise<void> {}

  /** Starts what the services need. After it fails, `shutdown` is not called: it must clean up after itself. */
  boot(_container: BootContainer): void | Promise<void> {}

  /**
   * Stops what `boot` started. The services of other levels that this one depends on still run. Is also called
   * when `boot` succeeds only after its `bootTimeout` has passed.
   */
  shutdown(): void | Promise<void> {}

  /** Is told what `boot` or `shutdown` threw, before it is handled. What it throws itself is logged. */
  onError(_error: unknown, _phase: "boot" | "shutdown"): void | Promise<void> {}

  /** What the provider says of itself while the application runs. Default: healthy. */
  healthCheck(): HealthCheckResult | Promise<HealthCheckResult> {
    return { component: this.name, status: "healthy" };
  }

  /** What a valid configuration should be warned about; issues of severity `error` stop a production boot. */
  configIssues(_config: AppConfig): Iterable<ConfigIssue> {
    return [];
  }
}

export type ProviderClass = new () => Provider;

/** Makes a provider for each application that uses the module; see {@link perApplication}. */
export interface ProviderFactory {
  readonly kind: "provider-factory";
  readonly create: () => Provider;
}

/**
 * Lists a provider that takes arguments, without giving one instance to every application: modules are constants,
 * and tests boot them again and again.
 *
 * @param create called once per application.
 */
export function perApplication(create: () => Provider): ProviderFactory {
  return { kind: "provider-factory", create };
}

export function isProviderFactory(value: unknown): value is ProviderFactory {
  return (
    typeof value === "object" &&
    value !== null &&
    (value as Partial<ProviderFactory>).kind === "provider-factory"
  );
}

export function isProvider(value: unknown): value is Provider {
  return typeof value === "object" && value !== null && PROVIDER in value;
}

export function isProviderClass(value: unknown): value is ProviderClass {
  return typeof value === "function" && PROVIDER in ((value.prototype ?? {}) as object);
}

function defaultName(className: string): string {
  const name = className.replace(/Provider$/, "") || className;
  return name.charAt(0).toLowerCase() + name.slice(1);
}
