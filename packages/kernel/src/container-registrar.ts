import type { KernelContainer } from "./container.ts";
import type { BindingSource, Constructor, ContainerRegistrar, Injectable, Lifetime } from "./injection.ts";

/** Is told what is registered; without a source when it was only declared. */
export type Registered = (key: Injectable<unknown>, source?: Constructor | BindingSource<unknown>) => void;

/** What a provider of a module registers through. */
export function registrarOf(
  container: KernelContainer,
  owner: object,
  registered: Registered,
): ContainerRegistrar {
  const register =
    (lifetime: Lifetime) =>
    <T>(key: Injectable<T>, source?: Constructor<T> | BindingSource<T>): void => {
      const given = source ?? (key as Constructor);
      container.register(key, given, lifetime, owner);
      registered(key, given);
    };
  return {
    singleton: register("singleton"),
    scoped: register("scoped"),
    transient: register("transient"),
    declare: (key, lifetime = "singleton") => {
      container.register(key, "declared", lifetime, owner);
      registered(key);
    },
    has: (key) => container.has(key),
  };
}
