import { isPlain } from "../redacted.ts";
import type { ConfigIssue } from "./config-issue.ts";
import { camelCase, ownKey } from "./config-tree.ts";
import type { EnvironmentVariables } from "./environment.ts";

/** One environment variable that names a place in configuration. */
export interface EnvSetting {
  readonly variable: string;
  readonly path: readonly string[];
  readonly value: string;
}

const PREFIX = "LEX_";
const RESERVED = new Set(["LEX_ENV", "LEX_PROFILE"]);
const INDEX = /^(0|[1-9]\d{0,3})$/;

/**
 * The variables that start with `LEX_`: `LEX_TASKS__WORKER__WORKER_COUNT` stands for `tasks.worker.workerCount`, and
 * a segment of digits for a place in an array. Values stay text; the schema of each field makes of them what it
 * wants.
 */
export function readEnv(env: EnvironmentVariables): { settings: EnvSetting[]; issues: ConfigIssue[] } {
  const settings: EnvSetting[] = [];
  const issues: ConfigIssue[] = [];
  for (const variable of Object.keys(env).sort()) {
    const value = env[variable];
    if (!variable.startsWith(PREFIX) || RESERVED.has(variable) || value === undefined) continue;
    const path = variable.slice(PREFIX.length).split("__").map(camelCase);
    if (path.includes(""))
      issues.push({
        field: variable,
        message: "is ignored: it does not name a setting",
        severity: "warning",
        suggestion: "part names with two underscores, as in LEX_TASKS__WORKER_COUNT",
      });
    else settings.push({ variable, path, value });
  }
  settings.sort(byPath);
  for (const [index, { path, variable }] of settings.entries()) {
    const next = settings[index + 1];
    if (
      next !== undefined &&
      path.length < next.path.length &&
      path.every((part, i) => part === next.path[i])
    )
      issues.push({
        field: path.join("."),
        message: `${variable} and ${next.variable} contradict each other`,
        severity: "error",
        suggestion: "set the whole or its parts",
      });
  }
  return { settings, issues };
}

/** Places of a list in the order of their numbers, whatever comes after them. */
function byPath(a: EnvSetting, b: EnvSetting): number {
  for (const [index, part] of a.path.entries()) {
    const other = b.path[index];
    if (other === undefined) return 1;
    const order = part.localeCompare(other, "en", { numeric: true });
    if (order !== 0) return order;
  }
  return a.path.length - b.path.length;
}

/**
 * Lays variables over a tree, which is changed. Existing keys are found however they are written; new ones are in
 * camelCase.
 *
 * @returns the tree, and the variables that have no place in it.
 */
export function applyEnv(
  tree: unknown,
  settings: readonly EnvSetting[],
): { tree: unknown; issues: ConfigIssue[] } {
  const issues: ConfigIssue[] = [];
  let result = tree;
  for (const setting of settings)
    result = place(result, setting, 0, (message) =>
      issues.push({
        field: setting.path.join("."),
        message: `${message} (${setting.variable})`,
        severity: "error",
      }),
    );
  return { tree: result, issues };
}

function place(at: unknown, setting: EnvSetting, depth: number, refuse: (message: string) => void): unknown {
  const segment = setting.path[depth];
  if (segment === undefined) return setting.value;
  if (Array.isArray(at) || (!isPlain(at) && INDEX.test(segment))) {
    const list: unknown[] = Array.isArray(at) ? at : [];
    if (!INDEX.test(segment)) refuse(`"${segment}" is no place in a list`);
    else if (Number(segment) > list.length)
      refuse(`place ${segment} leaves a gap in a list of ${list.length}`);
    else list[Number(segment)] = place(list[Number(segment)], setting, depth + 1, refuse);
    return list;
  }
  const object = isPlain(at) ? at : {};
  const key = ownKey(object, segment) ?? segment;
  object[key] = place(Object.hasOwn(object, key) ? object[key] : undefined, setting, depth + 1, refuse);
  return object;
}
