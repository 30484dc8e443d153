import { nearest, tokenName } from "@lexigram/contracts";
import type { Guard } from "./container-entry.ts";
import { ModuleExportError, ModuleVisibilityError } from "./errors/module-errors.ts";
import type { Injectable } from "./injection.ts";
import type { ModuleGraph, ModuleNode } from "./module-graph.ts";

type Key = Injectable<unknown>;

/** What one registration of a module asks for. */
export interface Claim {
  readonly node: ModuleNode;
  readonly key: Key;
  readonly needs: readonly Key[];
}

/**
 * Judges who may inject what: a module sees what it provides itself, what its imports export, and what global
 * modules export; one with `seesImporters` also what its importers see. A token is exported together with the
 * module's own services of that kind by name. What belongs to no module, such as the kernel's own services, is seen
 * everywhere.
 */
export class ModuleVisibility {
  readonly #graph: ModuleGraph;
  readonly #claims: readonly Claim[];
  readonly #providedBy = new Map<Key, Set<ModuleNode>>();
  readonly #exported = new Map<ModuleNode, Set<Key>>();
  readonly #visible = new Map<ModuleNode, Set<Key>>();

  /** @throws ModuleExportError when a module exports what neither it nor its imports provide. */
  constructor(graph: ModuleGraph, claims: readonly Claim[]) {
    this.#graph = graph;
    this.#claims = claims;
    for (const { node, key } of claims) {
      const owners = this.#providedBy.get(key);
      if (owners === undefined) this.#providedBy.set(key, new Set([node]));
      else owners.add(node);
    }
    for (const node of graph.nodes) this.#exported.set(node, this.#exportsOf(node));
    const global = graph.nodes.filter(({ isGlobal }) => isGlobal).map((node) => this.#exported.get(node)!);
    // Importers come last in the graph, and have to be known before those that see what they see.
    for (const node of graph.nodes.toReversed()) {
      const importers = node.seesImporters ? graph.nodes.filter(({ imports }) => imports.includes(node)) : [];
      const theirs = importers.map((one) => this.#visible.get(one)!);
      this.#visible.set(node, union([this.#ownOrImported(node), ...global, ...theirs]));
    }
  }

  /** @throws ModuleVisibilityError when a registered class or binding asks for what its module does not see. */
  assertClaims(): void {
    for (const { node, key, needs } of this.#claims)
      for (const need of needs) this.guard(need, node, tokenName(key));
  }

  /** Throws ModuleVisibilityError when a factory asks for what its module does not see. */
  readonly guard: Guard = (key, owner, consumer) => {
    const node = owner as ModuleNode;
    if (this.#visible.get(node)?.has(key) === true) return;
    const owners = this.#providedBy.get(key);
    if (owners === undefined) return;
    const exporting = this.#graph.nodes.filter(
      (one) => one.module !== undefined && this.#exported.get(one)?.has(key) === true,
    );
    throw new ModuleVisibilityError(
      { token: tokenName(key), module: node.name, consumer, providedBy: [...owners].map(({ name }) => name) },
      exporting.map(({ name }) => name),
    );
  };

  /** Imported modules come first in the graph, so that their exports are known. */
  #exportsOf(node: ModuleNode): Set<Key> {
    const available = this.#ownOrImported(node);
    if (node === this.#graph.root) return this.#own(node);
    for (const key of node.exports)
      if (!available.has(key)) {
        const token = tokenName(key);
        throw new ModuleExportError({
          module: node.name,
          token,
          nearest: nearest(token, [...available].map(tokenName)),
        });
      }
    const byName = [...this.#own(node)].filter((key) => node.exports.some((base) => isNamed(key, base)));
    return union([
      new Set([...node.exports, ...byName]),
      ...node.reexports.map((one) => this.#exported.get(one)!),
    ]);
  }

  #ownOrImported(node: ModuleNode): Set<Key> {
    return union([this.#own(node), ...node.imports.map((one) => this.#exported.get(one)!)]);
  }

  #own(node: ModuleNode): Set<Key> {
    return new Set(this.#claims.filter((claim) => claim.node === node).map(({ key }) => key));
  }
}

/** Whether a key is what `named` makes of a base. */
function isNamed(key: Key, base: Key): boolean {
  if (typeof key !== "symbol" || typeof base !== "symbol") return false;
  return key.description?.startsWith(`${base.description}#`) === true;
}

function union(sets: readonly ReadonlySet<Key>[]): Set<Key> {
  return new Set(sets.flatMap((set) => [...set]));
}
