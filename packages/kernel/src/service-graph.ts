import { nearest, tokenName } from "@lexigram/contracts";
import type { Dependency } from "./decorators.ts";
import {
  DependencyCycleError,
  MissingDependencyError,
  ScopeRequiredError,
} from "./errors/container-errors.ts";
import type { Injectable, Lifetime } from "./injection.ts";

/** A registered service as far as others depend on it. */
export interface Service {
  readonly key: Injectable<unknown>;
  readonly name: string;
  readonly lifetime: Lifetime;
  readonly needs: readonly Dependency[];
}

/**
 * Makes sure that every service can be built: nothing it needs is missing, nothing needs itself, and no singleton
 * holds on to what lives in a scope. What factories resolve by themselves cannot be seen here.
 *
 * @throws MissingDependencyError, DependencyCycleError, ScopeRequiredError.
 */
export function assertBuildable(services: ReadonlyMap<Injectable<unknown>, readonly Service[]>): void {
  const path: Service[] = [];
  /** Whether a service that was looked at needs a scope; undefined while it is being looked at. */
  const scoped = new Map<Service, boolean | undefined>();

  const targetsOf = (service: Service, { key, kind }: Dependency): readonly Service[] => {
    const list = services.get(key) ?? [];
    if (kind === "all") return list;
    const last = list.at(-1);
    if (last !== undefined) return [last];
    if (kind === "optional") return [];
    const token = tokenName(key);
    throw new MissingDependencyError({
      token,
      path: [service.name, token],
      nearest: nearest(token, [...services.keys()].map(tokenName)),
    });
  };

  const needsScope = (service: Service): boolean => {
    const known = scoped.get(service);
    if (known !== undefined) return known;
    if (scoped.has(service))
      throw new DependencyCycleError({
        path: [...path.slice(path.indexOf(service)), service].map(({ name }) => name),
      });
    scoped.set(service, undefined);
    path.push(service);
    let result = service.lifetime === "scoped";
    for (const dependency of service.needs)
      for (const target of targetsOf(service, dependency)) {
        if (!needsScope(target)) continue;
        if (service.lifetime === "singleton")
          throw new ScopeRequiredError({ token: target.name, path: [service.name, target.name] });
        result = true;
      }
    path.pop();
    scoped.set(service, result);
    return result;
  };

  for (const list of services.values()) for (const service of list) needsScope(service);
}
