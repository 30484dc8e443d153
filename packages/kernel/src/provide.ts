import { nearest, tokenName } from "@lexigram/contracts";
import { BindingError } from "./errors/container-errors.ts";
import type { BindingSource, Constructor, Container, Injectable, Lifetime } from "./injection.ts";

/** A token together with where its value comes from, as `provide` makes it. */
export interface Binding {
  readonly kind: "binding";
  readonly token: Injectable<unknown>;
  readonly source: BindingSource<unknown>;
  readonly lifetime: Lifetime;
}

export interface ProvideOptions {
  /** Default `"singleton"`: classes and factories run once per application. */
  readonly lifetime?: Lifetime;
}

const SOURCES = ["useValue", "useClass", "useFactory", "useExisting"] as const;

/**
 * Binds a token for the `providers` of a module or the `overrides` of an application.
 *
 * @param source exactly one of `useValue`, `useClass`, `useFactory` (called once, synchronously) and `useExisting`
 *   (another name for a service).
 * @throws BindingError when it is none of them, or several.
 */
export function provide<T>(
  token: Injectable<T>,
  source: NoInfer<
    | { readonly useValue: T }
    | { readonly useClass: Constructor<T> }
    | { readonly useFactory: (container: Container) => T }
    | { readonly useExisting: Injectable<T> }
  >,
  options: ProvideOptions = {},
): Binding {
  assertSource(token, source);
  return { kind: "binding", token, source, lifetime: options.lifetime ?? "singleton" };
}

export function isBinding(value: unknown): value is Binding {
  return typeof value === "object" && value !== null && (value as Partial<Binding>).kind === "binding";
}

/** @throws BindingError when a source is not well formed. */
export function assertSource(token: Injectable<unknown> | undefined, source: object): void {
  if (token === undefined)
    throw new BindingError({ token: "undefined", reason: "has no token: its file is imported in a circle" });
  const refuse = (reason: string): never => {
    throw new BindingError({ token: tokenName(token), reason });
  };
  const keys = Object.keys(source);
  for (const key of keys) {
    if ((SOURCES as readonly string[]).includes(key)) continue;
    const near = nearest(key, SOURCES);
    refuse(`has an unknown option "${key}"${near === undefined ? "" : `; did you mean "${near}"?`}`);
  }
  if (keys.length !== 1) refuse(keys.length === 0 ? "says nothing" : `gives ${keys.join(" and ")}`);
  const { useClass, useFactory, useExisting } = source as Record<string, unknown>;
  if ("useClass" in source && typeof useClass !== "function") refuse("has a useClass that is no class");
  if ("useFactory" in source && typeof useFactory !== "function")
    refuse("has a useFactory that is no function");
  if ("useExisting" in source && useExisting === undefined) refuse("has a useExisting that is undefined");
}
