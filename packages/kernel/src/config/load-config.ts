import { ConfigFileError } from "../errors/config-errors.ts";
import { AppConfig, type ConfigLayer } from "./app-config.ts";
import type { ConfigIssue } from "./config-issue.ts";
import { readEnv } from "./env-layer.ts";
import { type EnvironmentVariables, environmentOf } from "./environment.ts";
import { readYamlFile } from "./yaml-file.ts";

export interface LoadConfigOptions {
  /** Values given in code, by section; every other source goes above them. */
  readonly defaults?: object;
  /** Default `"application.yaml"`, which may be missing; a file that is named must be there. `false`: read none. */
  readonly file?: string | false;
  /** Default `LEX_PROFILE`. With profile `eu` and file `application.yaml`, `application.eu.yaml` goes above it. */
  readonly profile?: string;
  /** Default `process.env`. */
  readonly env?: EnvironmentVariables;
}

const DEFAULT_FILE = "application.yaml";

/**
 * Gathers configuration, from the lowest source to the highest: code, YAML file, the profile's YAML file, variables
 * that start with `LEX_`.
 *
 * @throws ConfigFileError, ConfigVariableError.
 */
export function loadConfig(options: LoadConfigOptions = {}): AppConfig {
  const { defaults = {}, env = process.env } = options;
  const profile = options.profile ?? (env["LEX_PROFILE"] || undefined);
  const { environment, issues: aboutEnvironment } = environmentOf(env);
  const files = options.file === false ? { layers: [], issues: [] } : readFiles(options.file, profile, env);
  const { settings, issues: aboutVariables } = readEnv(env);
  return new AppConfig({
    environment,
    profile,
    layers: [{ source: "code", tree: defaults }, ...files.layers],
    settings,
    issues: [...aboutEnvironment, ...files.issues, ...aboutVariables],
  });
}

function readFiles(
  named: string | undefined,
  profile: string | undefined,
  env: EnvironmentVariables,
): { layers: ConfigLayer[]; issues: ConfigIssue[] } {
  const file = named ?? DEFAULT_FILE;
  const layers: ConfigLayer[] = [];
  const main = readYamlFile(file, env);
  if (main !== undefined) layers.push({ source: file, tree: main });
  else if (named !== undefined) throw new ConfigFileError({ file, reason: "does not exist" });
  if (profile === undefined) return { layers, issues: [] };

  const ofProfile = file.replace(/(\.ya?ml)?$/, (extension) => `.${profile}${extension}`);
  const tree = readYamlFile(ofProfile, env);
  if (tree !== undefined) return { layers: [...layers, { source: ofProfile, tree }], issues: [] };
  const issue: ConfigIssue = {
    field: "LEX_PROFILE",
    message: `profile "${profile}" has no file ${ofProfile}`,
    severity: "error",
    suggestion: "create the file, or unset LEX_PROFILE",
  };
  return { layers, issues: [issue] };
}
