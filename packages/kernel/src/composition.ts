import { bootLevels } from "./boot-levels.ts";
import type { AppConfig } from "./config/app-config.ts";
import type { ConfigIssue } from "./config/config-issue.ts";
import { needsOf } from "./container-entry.ts";
import { registrarOf } from "./container-registrar.ts";
import type { KernelContainer } from "./container.ts";
import { lifetimeOf } from "./decorators.ts";
import { ConfigInvalidError } from "./errors/config-errors.ts";
import { ProviderRegisterError } from "./errors/provider-errors.ts";
import type { BindingSource, Constructor, Injectable } from "./injection.ts";
import type { ModuleLifecycle, ProviderRef } from "./module.ts";
import type { ModuleGraph, ModuleNode } from "./module-graph.ts";
import { type Claim, ModuleVisibility } from "./module-visibility.ts";
import { type Binding, isBinding } from "./provide.ts";
import {
  isProvider,
  isProviderClass,
  isProviderFactory,
  type Provider,
  type ProviderClass,
  type ProviderFactory,
} from "./provider.ts";
import type { ProviderLifecycle } from "./provider-lifecycle.ts";

/** What a module graph comes to: providers in the order of booting, and what configuration should be warned about. */
export interface Composition {
  readonly levels: readonly (readonly Provider[])[];
  readonly issues: readonly ConfigIssue[];
}

/**
 * Turns a module graph into a filled and frozen container: reads configuration, registers classes, bindings and
 * providers, and makes sure that everything can be built and sees only what it may.
 *
 * @throws ConfigInvalidError with the issues of all sections at once, ProviderRegisterError, what a module's
 *   `onModuleRegistered` throws, and every other error of modules, containers and provider levels.
 */
export async function compose(
  graph: ModuleGraph,
  container: KernelContainer,
  config: AppConfig,
  overrides: readonly Binding[],
  lifecycle: ProviderLifecycle,
): Promise<Composition> {
  const owners = providersOf(graph);
  lifecycle.adopt(owners.keys());
  const levels = bootLevels([...owners.keys()]);
  const issues = readSections(graph, levels.flat(), config);

  const claims: Claim[] = [];
  const claim = (
    node: ModuleNode,
    key: Injectable<unknown>,
    source?: Constructor | BindingSource<unknown>,
  ): void => {
    const given = typeof source === "function" ? { useClass: source } : source;
    claims.push({ node, key, needs: given === undefined ? [] : needsOf(given).map((need) => need.key) });
  };
  for (const node of graph.nodes)
    for (const entry of node.providers) {
      if (isProviderEntry(entry)) continue;
      const { token, source, lifetime } = isBinding(entry)
        ? entry
        : { token: entry, source: entry, lifetime: lifetimeOf(entry) };
      container.register(token, source, lifetime, node);
      claim(node, token, source);
    }
  for (const level of levels)
    await Promise.all(
      level.map((provider) => register(provider, owners.get(provider)!, container, config, claim)),
    );
  for (const { token, source, lifetime } of overrides) container.override(token, source, lifetime);
  const registered = { has: (key: Injectable<unknown>) => container.has(key) };
  for (const { module } of graph.nodes)
    (module as ModuleLifecycle | undefined)?.onModuleRegistered?.(registered);

  const visibility = new ModuleVisibility(graph, claims);
  visibility.assertClaims();
  container.freeze(visibility.guard);
  return {
    levels,
    issues: [...issues, ...levels.flat().flatMap((provider) => [...provider.configIssues(config)])],
  };
}

/** Every provider once, however many modules list it, with the module that lists it first. */
function providersOf(graph: ModuleGraph): Map<Provider, ModuleNode> {
  const owners = new Map<Provider, ModuleNode>();
  const made = new Map<ProviderClass | ProviderFactory, Provider>();
  const once = (entry: ProviderClass | ProviderFactory): Provider => {
    const provider = made.get(entry) ?? (isProviderFactory(entry) ? entry.create() : new entry());
    made.set(entry, provider);
    return provider;
  };
  for (const node of graph.nodes)
    for (const entry of node.providers) {
      if (!isProviderEntry(entry)) continue;
      const provider = isProvider(entry) ? entry : once(entry);
      if (!owners.has(provider)) owners.set(provider, node);
    }
  return owners;
}

const isProviderEntry = (entry: ProviderRef): entry is Provider | ProviderClass | ProviderFactory =>
  isProvider(entry) || isProviderClass(entry) || isProviderFactory(entry);

/** Gives providers their sections, and checks those that modules announce. */
function readSections(graph: ModuleGraph, providers: readonly Provider[], config: AppConfig): ConfigIssue[] {
  const errors: ConfigIssue[] = [];
  const warnings: ConfigIssue[] = [];
  const take = <T>(reading: {
    readonly value: T;
    readonly errors: readonly ConfigIssue[];
    readonly warnings: readonly ConfigIssue[];
  }): T => {
    errors.push(...reading.errors);
    warnings.push(...reading.warnings);
    return reading.value;
  };
  for (const node of graph.nodes)
    for (const [key, schema] of Object.entries(node.config)) take(config.readSection(key, schema));
  for (const provider of providers) {
    const { configKey, configSchema, configDefaults } = provider;
    if (configKey !== undefined && configSchema !== undefined)
      provider.config = take(config.readSection(configKey, configSchema, configDefaults));
  }
  const found = [...warnings, ...config.unreadSections()];
  errors.push(...found.filter(({ severity }) => severity === "error"));
  if (errors.length > 0) throw new ConfigInvalidError({ issues: errors });
  return found;
}

async function register(
  provider: Provider,
  node: ModuleNode,
  container: KernelContainer,
  config: AppConfig,
  claim: (node: ModuleNode, key: Injectable<unknown>, source?: Constructor | BindingSource<unknown>) => void,
): Promise<void> {
  try {
    await provider.register(
      registrarOf(container, node, (key, source) => claim(node, key, source)),
      config,
    );
  } catch (error) {
    throw new ProviderRegisterError({ provider: provider.name }, error);
  }
}
