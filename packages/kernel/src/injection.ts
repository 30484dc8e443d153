import { type Token, token } from "@lexigram/contracts";

// oxlint-disable-next-line typescript/no-explicit-any -- whatever a constructor takes, the container supplies it
export type Constructor<T = unknown> = new (...args: any[]) => T;

// oxlint-disable-next-line typescript/no-explicit-any -- as above; abstract classes serve as tokens of what extends them
export type AbstractConstructor<T = unknown> = abstract new (...args: any[]) => T;

/** What a service is asked for by: a token, or a class. */
export type Injectable<T> = Token<T> | AbstractConstructor<T>;

/**
 * How long an instance lives: as long as the application, as long as the scope that built it, or not beyond the one
 * who asked for it.
 */
export type Lifetime = "singleton" | "scoped" | "transient";

/** Where the value of a binding comes from. Factories are synchronous; work that waits belongs in `Provider.boot`. */
export type BindingSource<T> =
  | { readonly useValue: T }
  | { readonly useClass: Constructor<T> }
  | { readonly useFactory: (container: Container) => T }
  | { readonly useExisting: Injectable<T> };

/** Gives out services. Synchronous throughout, and safe to use from any number of callers. */
export interface Container {
  /**
   * The service; of several under one key the one registered last.
   *
   * @throws MissingDependencyError when nothing provides it, DependencyCycleError, ScopeRequiredError,
   *   UnboundTokenError, ConstructionError when a constructor or factory throws (errors of the framework pass
   *   unchanged), ContainerClosedError after the container or scope has ended.
   */
  resolve<T>(key: Injectable<T>): T;
  /** The service, or `undefined` when nothing provides it. What fails while it is built still throws. */
  resolveOptional<T>(key: Injectable<T>): T | undefined;
  /** All services under one key in the order of registration; empty when there are none. */
  resolveAll<T>(key: Injectable<T>): T[];
  has(key: Injectable<unknown>): boolean;
  /**
   * A scope with its own instances of scoped services. Costs next to nothing until something scoped is resolved.
   * Scopes are siblings: one made from a scope shares nothing with it.
   */
  createScope(): Scope;
}

/** The container itself, for services that resolve others while they run. Inside a scope it is the scope. */
export const Container: Token<Container> = token("Container");

/**
 * A container for one piece of work. Disposing ends it: instances that it built are disposed in reverse order
 * (`Symbol.asyncDispose`, else `Symbol.dispose`), all of them even when one fails; the first error is thrown then.
 */
export interface Scope extends Container, AsyncDisposable {
  /** Gives this scope its own value for a key, whatever the application has under it. */
  bind<T>(key: Injectable<T>, value: T): void;
}

/** What a provider sees while it boots. */
export interface BootContainer extends Container {
  /**
   * Puts a value under a key, in place of the one registered last. Those who were given the earlier one keep it;
   * so bind in `boot` what others resolve in later levels or after the start.
   */
  bind<T>(key: Injectable<T>, value: T): void;
}

/** What a provider sees while it registers. Nothing can be resolved yet. */
export interface ContainerRegistrar {
  /** Registers a service. A class alone is registered under itself or under the key; registering again appends. */
  singleton<T>(key: Injectable<T>, source?: Constructor<T> | BindingSource<T>): void;
  scoped<T>(key: Injectable<T>, source?: Constructor<T> | BindingSource<T>): void;
  transient<T>(key: Injectable<T>, source?: Constructor<T> | BindingSource<T>): void;
  /** Announces a service that `boot` (singleton) or each scope (scoped) will bind, so that others may inject it. */
  declare<T>(key: Injectable<T>, lifetime?: "singleton" | "scoped"): void;
  has(key: Injectable<unknown>): boolean;
}
