import { LexigramError, tokenName } from "@lexigram/contracts";
import { container as root, type DependencyContainer } from "tsyringe";
import {
  classOf,
  type Entry,
  type Guard,
  guardedView,
  missing,
  namesOf,
  newEntry,
  type Source,
  type Walk,
} from "./container-entry.ts";
import { Belongings, ContainerScope, type ScopeHost } from "./container-scope.ts";
import { assertInjectable, groupKeyOf, keyOf } from "./decorators.ts";
import {
  ConstructionError,
  ContainerClosedError,
  ContainerFrozenError,
  DependencyCycleError,
  ScopeRequiredError,
  UnboundTokenError,
} from "./errors/container-errors.ts";
import {
  type BindingSource,
  type BootContainer,
  type Constructor,
  Container,
  type Injectable,
  type Lifetime,
  type Scope,
} from "./injection.ts";
import { assertSource } from "./provide.ts";
import { assertBuildable } from "./service-graph.ts";

type Key = Injectable<unknown>;

/**
 * The container of one application: a child of tsyringe's root on which nothing is ever registered, with what
 * tsyringe has not: freezing, rebinding, scopes, and errors with the way that led to them.
 */
export class KernelContainer implements BootContainer, ScopeHost {
  readonly #tsyringe = root.createChildContainer();
  // Has no registrations of its own, so that a child of it costs the same however many services there are.
  readonly #empty = this.#tsyringe.createChildContainer();
  readonly #entries = new Map<Key, Entry[]>();
  readonly #ready = new Map<Key, unknown>();
  readonly #belongings = new Belongings();
  #walk: Walk | undefined;
  #frozen = false;
  #closed = false;
  #guard: Guard | undefined;

  constructor() {
    this.#add(Container, "container", "transient", undefined);
  }

  /** Registers a service for an owner; several under one key append, the same class twice counts once. */
  register(
    key: Key,
    given: Constructor | BindingSource<unknown> | "declared",
    lifetime: Lifetime,
    owner?: object,
  ): void {
    if (this.#frozen) throw new ContainerFrozenError({ token: tokenName(key) });
    const source = typeof given === "function" ? { useClass: given } : given;
    if (source !== "declared") {
      assertSource(key, source);
      if ("useClass" in source) {
        assertInjectable(source.useClass);
        if (this.#entries.get(key)?.some((entry) => classOf(entry) === source.useClass) === true) return;
      }
    }
    this.#add(key, source, lifetime, owner);
  }

  /** Puts one service in place of all under a key. */
  override(key: Key, source: BindingSource<unknown>, lifetime: Lifetime): void {
    this.#entries.delete(key);
    this.#ready.delete(key);
    this.register(key, source, lifetime, undefined);
  }

  /** Ends registration, after making sure that every registered class can be built. */
  freeze(guard?: Guard): void {
    this.#frozen = true;
    this.#guard = guard;
    assertBuildable(this.#entries);
  }

  bind<T>(key: Injectable<T>, value: T): void {
    const list = this.#entries.get(key);
    const last = list?.at(-1);
    if (last !== undefined && last.lifetime === "singleton") {
      last.source = { useValue: value };
      this.#keep(last, value);
    } else {
      list?.pop();
      this.#add(key, { useValue: value }, "singleton", last?.owner);
    }
  }

  resolve<T>(key: Injectable<T>): T {
    const ready = this.#ready.get(key);
    return ready === undefined ? this.resolveIn(key, undefined) : (ready as T);
  }

  resolveOptional<T>(key: Injectable<T>): T | undefined {
    return this.has(key) ? this.resolve(key) : undefined;
  }

  resolveAll<T>(key: Injectable<T>): T[] {
    return this.resolveAllIn(key, undefined);
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  createScope(): Scope {
    return new ContainerScope(this);
  }

  resolveIn<T>(key: Injectable<T>, scope: ContainerScope | undefined): T {
    const ready = this.#ready.get(key);
    if (ready !== undefined) return ready as T;
    return this.#start(key, scope, () => this.#supply(this.#lastOf(key)) as T);
  }

  resolveAllIn<T>(key: Injectable<T>, scope: ContainerScope | undefined): T[] {
    return this.#start(key, scope, () =>
      (this.#entries.get(key) ?? []).map((entry) => this.#supply(entry) as T),
    );
  }

  /** Ends the container and disposes what it built, last first. Throws the first error after all were tried. */
  async dispose(): Promise<void> {
    this.#closed = true;
    this.#ready.clear();
    await this.#belongings.dispose();
  }

  #add(key: Key, source: Source, lifetime: Lifetime, owner: object | undefined): void {
    const entry = newEntry(key, source, lifetime, owner);
    const list = this.#entries.get(key);
    if (list === undefined) {
      this.#entries.set(key, [entry]);
      this.#tsyringe.register(keyOf(key), { useFactory: () => this.#supply(this.#lastOf(key)) });
    } else {
      list.push(entry);
      this.#ready.delete(key);
    }
    const made = classOf(entry);
    if (made !== undefined) this.#tsyringe.register(entry.recipe, { useClass: made });
    for (const { kind, key: group } of entry.needs)
      if (kind === "all" && !this.#tsyringe.isRegistered(groupKeyOf(group)))
        this.#tsyringe.register(groupKeyOf(group), {
          useFactory: () => (this.#entries.get(group) ?? []).map((one) => this.#supply(one)),
        });
    if (typeof source === "object" && "useValue" in source) this.#keep(entry, source.useValue);
  }

  #keep(entry: Entry, value: unknown): void {
    entry.built = true;
    entry.value = value;
    if (this.#entries.get(entry.key)?.at(-1) === entry) this.#ready.set(entry.key, value);
  }

  /** Runs one request from outside, or from a factory in the middle of another request. */
  #start<T>(key: Key, scope: ContainerScope | undefined, ask: () => T): T {
    if (this.#closed) throw new ContainerClosedError({ token: tokenName(key) });
    const outer = this.#walk;
    const walk: Walk = { scope, path: outer?.path ?? [], failure: undefined };
    this.#walk = walk;
    try {
      return ask();
    } catch (error) {
      const { thrown, path } = walk.failure ?? { thrown: error, path: [tokenName(key)] };
      if (thrown instanceof LexigramError) throw thrown;
      throw new ConstructionError({ token: path.at(-1) ?? tokenName(key), path }, thrown);
    } finally {
      this.#walk = outer;
    }
  }

  #supply(entry: Entry): unknown {
    const walk = this.#walk!;
    const { scope, path } = walk;
    if (scope?.hasValue(entry.key) === true) return scope.valueOf(entry.key);
    if (entry.built) return entry.value;
    const start = path.indexOf(entry);
    path.push(entry);
    // A singleton outlives the scope in which it happens to be needed first.
    if (entry.lifetime === "singleton") walk.scope = undefined;
    try {
      if (start >= 0) throw new DependencyCycleError({ path: namesOf(path.slice(start)) });
      return this.#obtain(entry, walk);
    } catch (thrown) {
      walk.failure ??= { thrown, path: namesOf(path) };
      throw thrown;
    } finally {
      walk.scope = scope;
      path.pop();
    }
  }

  #obtain(entry: Entry, walk: Walk): unknown {
    const { scope } = walk;
    if (entry.source === "container") return scope ?? this;
    if (entry.lifetime === "transient") return this.#make(entry, scope);
    if (entry.lifetime === "scoped") {
      if (scope === undefined) throw new ScopeRequiredError({ token: entry.name, path: namesOf(walk.path) });
      return scope.instance(entry, () => this.#make(entry, scope));
    }
    const value = this.#make(entry, undefined);
    this.#keep(entry, value);
    return value;
  }

  #make(entry: Entry, scope: ContainerScope | undefined): unknown {
    const { source } = entry;
    if (typeof source === "string")
      throw new UnboundTokenError({ token: entry.name, path: namesOf(this.#walk!.path) });
    if ("useValue" in source) return source.useValue;
    if ("useExisting" in source) return this.#supply(this.#lastOf(source.useExisting));
    const value =
      "useFactory" in source
        ? source.useFactory(guardedView(scope ?? this, entry, this.#guard))
        : this.#builderOf(entry, scope).resolve(entry.recipe);
    if (scope !== undefined) scope.own(value);
    else if (entry.lifetime === "singleton") this.#belongings.add(value);
    return value;
  }

  /** tsyringe keeps hold of instances that have a `dispose` method: those of a scope must go with the scope. */
  #builderOf(entry: Entry, scope: ContainerScope | undefined): DependencyContainer {
    if (entry.lifetime === "singleton") return this.#tsyringe;
    if (scope === undefined) return this.#empty.createChildContainer();
    return (scope.builder ??= this.#empty.createChildContainer()) as DependencyContainer;
  }

  #lastOf(key: Key): Entry {
    const last = this.#entries.get(key)?.at(-1);
    if (last !== undefined) return last;
    throw missing(key, this.#walk?.path ?? [], this.#entries.keys());
  }
}
