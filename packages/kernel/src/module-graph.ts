import { tokenName } from "@lexigram/contracts";
import type { ZodType } from "zod";
import { ModuleCycleError, ModuleDuplicateError, ModuleInvalidError } from "./errors/module-errors.ts";
import type { Constructor, Injectable } from "./injection.ts";
import {
  assertDynamicModule,
  type DynamicModule,
  isDynamicModule,
  type ModuleOptions,
  moduleOptionsOf,
  type ModuleRef,
  type ProviderRef,
} from "./module.ts";
import { isBinding } from "./provide.ts";
import { isProvider, isProviderFactory } from "./provider.ts";

/** One module of an application, with its lists resolved. */
export interface ModuleNode {
  readonly name: string;
  /** Absent for the application itself, which stands above its modules. */
  readonly module: Constructor | undefined;
  readonly imports: readonly ModuleNode[];
  readonly providers: readonly ProviderRef[];
  readonly exports: readonly Injectable<unknown>[];
  readonly reexports: readonly ModuleNode[];
  readonly isGlobal: boolean;
  readonly seesImporters: boolean;
  readonly config: Readonly<Record<string, ZodType>>;
}

export interface ModuleGraph {
  /** The application itself: it imports its modules, and what it provides is seen everywhere. */
  readonly root: ModuleNode;
  /** All modules, imported ones before those that import them, the application last. */
  readonly nodes: readonly ModuleNode[];
}

/**
 * Follows the imports of an application's modules.
 *
 * @throws ModuleInvalidError, ModuleOptionError, ModuleDuplicateError, ModuleCycleError.
 */
export function collectModules(
  application: string,
  modules: readonly ModuleRef[],
  providers: readonly ProviderRef[],
): ModuleGraph {
  const configured = findConfigured(application, modules);
  const nodes: ModuleNode[] = [];
  const finished = new Map<Constructor, ModuleNode>();
  const path: Constructor[] = [];

  const visit = (ref: ModuleRef): ModuleNode => {
    const target = classOf(ref);
    const known = finished.get(target);
    if (known !== undefined) return known;
    const options = configured.get(target) ?? optionsOf(ref);
    const start = path.indexOf(target);
    if (start >= 0)
      throw new ModuleCycleError({
        path: [...path.slice(start), target].map((one) => nameOf(one, configured)),
      });
    path.push(target);
    const node = build(nameOf(target, configured), target, options);
    path.pop();
    finished.set(target, node);
    nodes.push(node);
    return node;
  };

  const build = (name: string, target: Constructor | undefined, options: ModuleOptions): ModuleNode => {
    const imports = (options.imports ?? []).map((ref) => visit(ref));
    const listed = options.exports ?? [];
    assertPresent(name, "exports", listed);
    assertProviders(name, options.providers ?? []);
    const isModule = (entry: unknown): boolean =>
      isDynamicModule(entry) || (typeof entry === "function" && isImported(entry as Constructor, imports));
    return {
      name,
      module: target,
      imports,
      providers: options.providers ?? [],
      exports: listed.filter((entry) => !isModule(entry)) as Injectable<unknown>[],
      reexports: listed.filter(isModule).map((entry) => {
        const exported = classOf(entry as ModuleRef);
        const node = imports.find((one) => one.module === exported);
        if (node !== undefined) return node;
        throw invalid(
          name,
          `exports module ${tokenName(exported)} without importing it`,
          "add it to imports",
        );
      }),
      isGlobal: options.isGlobal ?? false,
      seesImporters: options.seesImporters ?? false,
      config: options.config ?? {},
    };
  };

  const root = { ...build(application, undefined, { imports: modules, providers }), isGlobal: true };
  return { root, nodes: [...nodes, root] };
}

/** The configuration of every module class that has one, so that the bare class stands for it elsewhere. */
function findConfigured(application: string, modules: readonly ModuleRef[]): Map<Constructor, DynamicModule> {
  const found = new Map<Constructor, DynamicModule>();
  const seen = new Set<unknown>();
  const look = (importer: string, refs: readonly ModuleRef[]): void => {
    assertPresent(importer, "imports", refs);
    for (const ref of refs) {
      if (seen.has(ref)) continue;
      seen.add(ref);
      if (isDynamicModule(ref)) {
        assertDynamicModule(ref);
        if (found.has(ref.module)) throw new ModuleDuplicateError({ module: nameOf(ref.module, found) });
        found.set(ref.module, ref);
      } else if (typeof ref !== "function")
        throw invalid(importer, `imports ${String(ref)}, which is no module`, "import module classes");
      look(tokenName(classOf(ref)), (isDynamicModule(ref) ? ref : moduleOptionsOf(ref))?.imports ?? []);
    }
  };
  look(application, modules);
  return found;
}

function optionsOf(ref: ModuleRef): ModuleOptions {
  if (isDynamicModule(ref)) return ref;
  const options = moduleOptionsOf(ref);
  if (options !== undefined) return options;
  const name = tokenName(ref);
  throw invalid(
    name,
    `${name} is not a module`,
    "put @module({ … }) on the class, or import what its factory returns",
  );
}

function assertPresent(name: string, list: string, entries: readonly unknown[]): void {
  const index = entries.findIndex((entry) => entry === undefined || entry === null);
  if (index >= 0)
    throw invalid(
      name,
      `${list}[${index}] is undefined`,
      "the files import each other in a circle: break it",
    );
}

function assertProviders(name: string, providers: readonly unknown[]): void {
  assertPresent(name, "providers", providers);
  for (const [index, entry] of providers.entries())
    if (typeof entry !== "function" && !isProvider(entry) && !isProviderFactory(entry) && !isBinding(entry))
      throw invalid(
        name,
        `providers[${index}] is no provider, class or binding`,
        isDynamicModule(entry) ? "a module belongs in imports" : "make bindings with provide(token, …)",
      );
}

const invalid = (module: string, reason: string, hint: string): ModuleInvalidError =>
  new ModuleInvalidError({ module, reason }, hint);

const classOf = (ref: ModuleRef): Constructor => (isDynamicModule(ref) ? ref.module : ref);

const isImported = (target: Constructor, imports: readonly ModuleNode[]): boolean =>
  imports.some(({ module }) => module === target) || moduleOptionsOf(target) !== undefined;

function nameOf(target: Constructor, configured: ReadonlyMap<Constructor, DynamicModule>): string {
  return configured.get(target)?.name ?? moduleOptionsOf(target)?.name ?? tokenName(target);
}
