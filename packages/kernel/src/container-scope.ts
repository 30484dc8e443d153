import { tokenName } from "@lexigram/contracts";
import { ContainerClosedError } from "./errors/container-errors.ts";
import type { Injectable, Scope } from "./injection.ts";

/** What a scope asks of the container that it belongs to. */
export interface ScopeHost {
  resolveIn<T>(key: Injectable<T>, scope: ContainerScope): T;
  resolveAllIn<T>(key: Injectable<T>, scope: ContainerScope): T[];
  has(key: Injectable<unknown>): boolean;
  createScope(): Scope;
}

/** Instances that a container or scope has built and has to dispose, in the order in which they were built. */
export class Belongings {
  #items: object[] | undefined;

  /** Takes note of an instance if it can be disposed. */
  add(instance: unknown): void {
    if (typeof instance !== "object" || instance === null) return;
    if (Symbol.asyncDispose in instance || Symbol.dispose in instance) (this.#items ??= []).push(instance);
  }

  /** Disposes what was built last first, all of it; throws the first error at the end. */
  async dispose(): Promise<void> {
    const items = this.#items;
    this.#items = undefined;
    if (items === undefined) return;
    const failures: unknown[] = [];
    for (const item of items.reverse() as Partial<AsyncDisposable & Disposable>[]) {
      try {
        if (item[Symbol.asyncDispose] !== undefined) await item[Symbol.asyncDispose]!();
        else item[Symbol.dispose]?.();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** One scope of a container. Everything in it is made when it is first needed, since most scopes need nothing. */
export class ContainerScope implements Scope {
  readonly #host: ScopeHost;
  #values: Map<Injectable<unknown>, unknown> | undefined;
  #instances: Map<object, unknown> | undefined;
  #belongings: Belongings | undefined;
  #ended: Promise<void> | undefined;
  /** The tsyringe container in which the classes of this scope are built. */
  builder: unknown;

  constructor(host: ScopeHost) {
    this.#host = host;
  }

  bind<T>(key: Injectable<T>, value: T): void {
    this.#assertOpen(key);
    (this.#values ??= new Map()).set(key, value);
  }

  resolve<T>(key: Injectable<T>): T {
    this.#assertOpen(key);
    return this.hasValue(key) ? this.valueOf(key) : this.#host.resolveIn(key, this);
  }

  resolveOptional<T>(key: Injectable<T>): T | undefined {
    return this.has(key) ? this.resolve(key) : undefined;
  }

  resolveAll<T>(key: Injectable<T>): T[] {
    this.#assertOpen(key);
    return this.hasValue(key) ? [this.valueOf(key)] : this.#host.resolveAllIn(key, this);
  }

  has(key: Injectable<unknown>): boolean {
    return this.hasValue(key) || this.#host.has(key);
  }

  createScope(): Scope {
    return this.#host.createScope();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#ended ??= this.#belongings?.dispose() ?? Promise.resolve());
  }

  hasValue(key: Injectable<unknown>): boolean {
    return this.#values !== undefined && this.#values.has(key);
  }

  valueOf<T>(key: Injectable<T>): T {
    return this.#values?.get(key) as T;
  }

  /** The instance of a scoped service in this scope; built by `build` when it is asked for first. */
  instance(service: object, build: () => unknown): unknown {
    if (this.#instances?.has(service) === true) return this.#instances.get(service);
    const built = build();
    (this.#instances ??= new Map()).set(service, built);
    return built;
  }

  /** Leaves an instance to this scope to dispose. */
  own(instance: unknown): void {
    (this.#belongings ??= new Belongings()).add(instance);
  }

  #assertOpen(key: Injectable<unknown>): void {
    if (this.#ended !== undefined) throw new ContainerClosedError({ token: tokenName(key) });
  }
}
