import { type Clock, type Logger, type Random, unknownKeys } from "@lexigram/contracts";
import { AppConfig } from "./config/app-config.ts";
import type { EnvironmentVariables } from "./config/environment.ts";
import { loadConfig } from "./config/load-config.ts";
import { ApplicationOptionError } from "./errors/application-errors.ts";
import type { ModuleRef, ProviderRef } from "./module.ts";
import type { Binding } from "./provide.ts";

export interface BootOptions {
  /** For messages and hooks. Default `"application"`. */
  readonly name?: string;
  readonly modules?: readonly ModuleRef[];
  /** Providers, classes and bindings outside any module; every module may inject them. */
  readonly providers?: readonly ProviderRef[];
  /** Configuration given in code, below files and environment; or one that is loaded already. */
  readonly config?: object;
  /** Default `"application.yaml"`, which may be missing. `false`: read none. */
  readonly configFile?: string | false;
  /** Default `process.env`. */
  readonly env?: EnvironmentVariables;
  /** Default: writes to the console, as the section `logging` says. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Bindings in place of what modules provide, for tests; no module boundary holds for them. */
  readonly overrides?: readonly Binding[];
}

const KNOWN: Readonly<Record<keyof BootOptions, true>> = {
  name: true,
  modules: true,
  providers: true,
  config: true,
  configFile: true,
  env: true,
  logger: true,
  clock: true,
  random: true,
  overrides: true,
};

/** @throws ApplicationOptionError when an option does not exist. */
export function assertBootOptions(options: BootOptions): void {
  const known = Object.keys(KNOWN);
  const [unknown] = unknownKeys(options, known);
  if (unknown !== undefined)
    throw new ApplicationOptionError({ option: unknown.key, nearest: unknown.nearest }, known);
}

/** @throws ConfigFileError, ConfigVariableError. */
export function configOf({ config = {}, configFile, env }: BootOptions): AppConfig {
  if (config instanceof AppConfig) return config;
  return loadConfig({
    defaults: config,
    ...(configFile === undefined ? {} : { file: configFile }),
    ...(env === undefined ? {} : { env }),
  });
}
