import { nearest, tokenName } from "@lexigram/contracts";
import type { ContainerScope } from "./container-scope.ts";
import { type Dependency, dependenciesOf } from "./decorators.ts";
import { MissingDependencyError } from "./errors/container-errors.ts";
import type { BindingSource, Constructor, Container, Injectable, Lifetime } from "./injection.ts";
import type { Service } from "./service-graph.ts";

/** Where an entry's value comes from: a binding, whoever binds it later, or the container itself. */
export type Source = BindingSource<unknown> | "declared" | "container";

/** One registration. */
export interface Entry extends Service {
  source: Source;
  /** The module that registered it; absent for what belongs to nobody. */
  readonly owner: object | undefined;
  /** What tsyringe knows the class under that has to be built. */
  readonly recipe: symbol;
  built: boolean;
  value: unknown;
}

/** One walk through what a service needs. tsyringe wraps every error that passes through it; `failure` is the first. */
export interface Walk {
  scope: ContainerScope | undefined;
  readonly path: Entry[];
  failure: { readonly thrown: unknown; readonly path: readonly string[] } | undefined;
}

/** Throws when a factory of an owner asks for what the owner may not see. */
export type Guard = (key: Injectable<unknown>, owner: object, consumer: string) => void;

export function newEntry(
  key: Injectable<unknown>,
  source: Source,
  lifetime: Lifetime,
  owner: object | undefined,
): Entry {
  const name = tokenName(key);
  return {
    key,
    name,
    lifetime: effectiveLifetime(source, lifetime),
    needs: needsOf(source),
    source,
    owner,
    recipe: Symbol(name),
    built: false,
    value: undefined,
  };
}

/** The class that has to be built for an entry, if it is one. */
export function classOf({ source }: Entry): Constructor | undefined {
  return typeof source === "object" && "useClass" in source ? source.useClass : undefined;
}

/** What a source asks the container for, as far as it can be seen. */
export function needsOf(source: Source): readonly Dependency[] {
  if (typeof source === "string") return [];
  if ("useClass" in source) return dependenciesOf(source.useClass);
  return "useExisting" in source ? [{ key: source.useExisting, kind: "one" }] : [];
}

export const namesOf = (path: readonly Entry[]): string[] => path.map(({ name }) => name);

/** The error of a key that nobody provides, asked for at the end of a path. */
export function missing(
  key: Injectable<unknown>,
  path: readonly Entry[],
  known: Iterable<Injectable<unknown>>,
): MissingDependencyError {
  const token = tokenName(key);
  const near = nearest(token, [...known].map(tokenName));
  return new MissingDependencyError({ token, path: [...namesOf(path), token], nearest: near });
}

/** A container that shows a factory no more than its module may see. */
export function guardedView(target: Container, { owner, name }: Entry, guard: Guard | undefined): Container {
  if (owner === undefined || guard === undefined) return target;
  const seen = <T>(key: Injectable<T>): Injectable<T> => {
    guard(key, owner, name);
    return key;
  };
  return {
    resolve: (key) => target.resolve(seen(key)),
    resolveOptional: (key) => target.resolveOptional(seen(key)),
    resolveAll: (key) => target.resolveAll(seen(key)),
    has: (key) => target.has(key),
    createScope: () => target.createScope(),
  };
}

function effectiveLifetime(source: Source, lifetime: Lifetime): Lifetime {
  if (typeof source === "string") return lifetime;
  if ("useValue" in source) return "singleton";
  // Another name keeps nothing of its own, so that rebinding what it stands for shows through.
  return "useExisting" in source ? "transient" : lifetime;
}
