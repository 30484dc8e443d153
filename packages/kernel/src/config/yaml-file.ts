import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { ConfigFileError, ConfigVariableError } from "../errors/config-errors.ts";
import { isPlain } from "../redacted.ts";
import type { EnvironmentVariables } from "./environment.ts";

const PLACEHOLDER = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}/g;

/**
 * Reads a YAML file whose texts may name environment variables: `${VAR}` must be set, `${VAR:default}` need not be,
 * `$${` stands for `${`. What is put in stays text, whatever it looks like.
 *
 * @returns the mapping, `{}` for an empty file, `undefined` when there is no such file.
 * @throws ConfigFileError when the file cannot be read or is not a YAML mapping, ConfigVariableError when a
 *   variable without default is not set.
 */
export function readYamlFile(file: string, env: EnvironmentVariables): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ConfigFileError(
      { file, reason: `cannot be read (${(error as NodeJS.ErrnoException).code})` },
      error,
    );
  }
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line;
    // The parser's full message quotes the text around the error, which may hold a secret.
    throw new ConfigFileError({
      file,
      reason: `is not valid YAML${line === undefined ? "" : ` at line ${line}`} (${problem.code})`,
    });
  }
  const tree: unknown = document.toJS();
  if (tree === null || tree === undefined) return {};
  if (!isPlain(tree)) throw new ConfigFileError({ file, reason: "has to be a mapping of sections" });
  return interpolate(tree, file, [], env) as Record<string, unknown>;
}

function interpolate(
  value: unknown,
  file: string,
  path: readonly string[],
  env: EnvironmentVariables,
): unknown {
  if (typeof value === "string")
    return value.replace(PLACEHOLDER, (whole, variable: string | undefined, fallback: string | undefined) => {
      if (variable === undefined) return whole.slice(1);
      const found = env[variable] ?? fallback;
      if (found === undefined) throw new ConfigVariableError({ file, path: path.join("."), variable });
      return found;
    });
  if (Array.isArray(value))
    return value.map((item, index) => interpolate(item, file, [...path, String(index)], env));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, interpolate(item, file, [...path, key], env)]),
  );
}
