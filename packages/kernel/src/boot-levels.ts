import { nearest } from "@lexigram/contracts";
import {
  ProviderCycleError,
  ProviderDependencyError,
  ProviderDuplicateError,
} from "./errors/provider-errors.ts";

/** What the order of providers depends on. */
export interface Bootable {
  readonly name: string;
  readonly priority: number;
  readonly dependencies: readonly string[];
  readonly optionalDependencies: readonly string[];
}

/**
 * Puts providers into levels: a level boots when the one before it has booted, and within a level all boot at once.
 * A lower priority comes first, except that a provider never comes before one that it depends on; providers of
 * equal priority share a level unless a dependency parts them.
 *
 * @returns levels in the order of booting; within a level, the order in which providers were given.
 * @throws ProviderDuplicateError, ProviderDependencyError, ProviderCycleError.
 */
export function bootLevels<P extends Bootable>(providers: readonly P[]): P[][] {
  const byName = new Map<string, P>();
  for (const provider of providers) {
    if (byName.has(provider.name)) throw new ProviderDuplicateError({ provider: provider.name });
    byName.set(provider.name, provider);
  }

  /** Sorts by priority first, by depth of dependencies among equals second. */
  interface Rank {
    readonly priority: number;
    readonly depth: number;
  }
  const ranks = new Map<P, Rank>();
  const path: P[] = [];

  const rankOf = (provider: P): Rank => {
    const known = ranks.get(provider);
    if (known !== undefined) return known;
    const start = path.indexOf(provider);
    if (start >= 0)
      throw new ProviderCycleError({ path: [...path.slice(start), provider].map(({ name }) => name) });
    path.push(provider);
    const before = dependenciesOf(provider, byName).map((name) => rankOf(byName.get(name)!));
    path.pop();
    const priority = Math.max(provider.priority, ...before.map((rank) => rank.priority));
    const depth =
      Math.max(-1, ...before.filter((rank) => rank.priority === priority).map((rank) => rank.depth)) + 1;
    const rank = { priority, depth };
    ranks.set(provider, rank);
    return rank;
  };

  const levels = new Map<string, { readonly rank: Rank; readonly providers: P[] }>();
  for (const provider of providers) {
    const rank = rankOf(provider);
    const key = `${rank.priority}/${rank.depth}`;
    const level = levels.get(key);
    if (level === undefined) levels.set(key, { rank, providers: [provider] });
    else level.providers.push(provider);
  }
  return [...levels.values()]
    .sort((a, b) => a.rank.priority - b.rank.priority || a.rank.depth - b.rank.depth)
    .map((level) => level.providers);
}

function dependenciesOf(provider: Bootable, byName: ReadonlyMap<string, Bootable>): string[] {
  for (const dependency of provider.dependencies)
    if (!byName.has(dependency))
      throw new ProviderDependencyError({
        provider: provider.name,
        dependency,
        nearest: nearest(dependency, byName.keys()),
      });
  return [...provider.dependencies, ...provider.optionalDependencies.filter((name) => byName.has(name))];
}
