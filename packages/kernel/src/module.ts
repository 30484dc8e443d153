import { tokenName, unknownKeys } from "@lexigram/contracts";
import type { ZodType } from "zod";
import { ModuleOptionError } from "./errors/module-errors.ts";
import type { Constructor, Container, ContainerRegistrar, Injectable } from "./injection.ts";
import type { Binding } from "./provide.ts";
import type { Provider, ProviderClass, ProviderFactory } from "./provider.ts";

/** A module: a class with `module`, or a class together with its configuration. */
export type ModuleRef = Constructor | DynamicModule;

/**
 * What a module brings: a provider's class, an instance, or `perApplication`; an injectable class; or a binding made
 * by `provide`.
 */
export type ProviderRef = Provider | ProviderClass | ProviderFactory | Constructor | Binding;

export interface ModuleOptions {
  /** For messages. Default: the class's name. */
  readonly name?: string;
  readonly imports?: readonly ModuleRef[];
  readonly providers?: readonly ProviderRef[];
  /**
   * Tokens and classes that importers may inject, and modules whose exports they get as well. A token stands for the
   * module's own `named(token, …)` services too, whatever names configuration gives them.
   */
  readonly exports?: readonly (Injectable<unknown> | DynamicModule)[];
  /** Whether every module may inject the exports without importing this one. Default false. */
  readonly isGlobal?: boolean;
  /**
   * Whether the module may inject whatever a module that imports it may: for factories that list somebody else's
   * classes. Default false.
   */
  readonly seesImporters?: boolean;
  /** Sections of configuration by name that the module reads; they are checked when the application starts. */
  readonly config?: Readonly<Record<string, ZodType>>;
}

/**
 * A configured module, as static factories such as `configure()` return it. Its options take the place of those of
 * the decorator. A module's identity is its class: importing one object from several places is fine, two objects
 * for one class are refused, and a factory that is to be called several times gives each a class of its own.
 */
export interface DynamicModule extends ModuleOptions {
  readonly module: Constructor;
}

/** Optional static methods of a module's class. */
export interface ModuleLifecycle {
  /**
   * When everything of the application is registered, before it is checked and booted; what it throws ends the start.
   * For a module that is of no use without another.
   */
  onModuleRegistered?(registered: Pick<ContainerRegistrar, "has">): void;
  /** After all providers have booted; imported modules come first. */
  onModuleBooted?(container: Container): void | Promise<void>;
  /** Before any provider shuts down; importing modules come first. */
  onModuleShutdown?(): void | Promise<void>;
}

const OPTIONS = Symbol.for("@lexigram/kernel/module");
const KNOWN = ["name", "imports", "providers", "exports", "isGlobal", "seesImporters", "config"] as const;

/**
 * Makes a class a module.
 *
 * @throws ModuleOptionError when the class is defined and an option does not exist.
 */
export function module(options: ModuleOptions = {}): (target: Constructor) => void {
  return (target) => {
    assertOptions(options, options.name ?? tokenName(target), KNOWN);
    Reflect.defineMetadata(OPTIONS, options, target);
  };
}

/** The options of a module class, or `undefined` when it has none. */
export function moduleOptionsOf(target: object): ModuleOptions | undefined {
  return Reflect.getOwnMetadata(OPTIONS, target) as ModuleOptions | undefined;
}

export function isDynamicModule(value: unknown): value is DynamicModule {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Partial<DynamicModule>).module === "function"
  );
}

/** @throws ModuleOptionError when a configured module has an option that does not exist. */
export function assertDynamicModule(dynamic: DynamicModule): void {
  assertOptions(dynamic, dynamic.name ?? tokenName(dynamic.module), ["module", ...KNOWN]);
}

function assertOptions(options: object, module: string, known: readonly string[]): void {
  const [unknown] = unknownKeys(options, known);
  if (unknown !== undefined)
    throw new ModuleOptionError({ module, option: unknown.key, nearest: unknown.nearest }, known);
}
