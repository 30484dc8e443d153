import { nearest } from "@lexigram/contracts";
import type { ZodType } from "zod";
import { ConfigInvalidError } from "../errors/config-errors.ts";
import { isPlain, redacted, shield } from "../redacted.ts";
import type { ConfigIssue } from "./config-issue.ts";
import { lookUp, merge, sameKey } from "./config-tree.ts";
import { applyEnv, type EnvSetting } from "./env-layer.ts";
import type { Environment } from "./environment.ts";
import { fitKeys, takesFields, type UnknownField } from "./schema-keys.ts";

/** One source of configuration: what it is called in messages, and its sections. */
export interface ConfigLayer {
  readonly source: string;
  readonly tree: unknown;
}

export interface AppConfigParts {
  readonly environment: Environment;
  readonly profile?: string | undefined;
  /** From the lowest to the highest. */
  readonly layers: readonly ConfigLayer[];
  /** Above all layers. */
  readonly settings: readonly EnvSetting[];
  readonly issues: readonly ConfigIssue[];
}

/** What reading a section came to; `value` is there when `errors` is empty. */
export interface SectionReading<T> {
  readonly value: T | undefined;
  readonly errors: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
}

/**
 * The configuration of one application, as `loadConfig` makes it. Immutable. Shown by `JSON.stringify` and
 * `console.log` without secrets, and so are the sections it gives out.
 */
export class AppConfig {
  readonly environment: Environment;
  readonly profile: string | undefined;
  /** What was noticed while loading. */
  readonly issues: readonly ConfigIssue[];
  readonly #layers: readonly ConfigLayer[];
  readonly #settings: readonly EnvSetting[];
  readonly #read = new Set<string>();

  constructor(parts: AppConfigParts) {
    this.environment = parts.environment;
    this.profile = parts.profile;
    this.issues = parts.issues;
    this.#layers = parts.layers;
    this.#settings = parts.settings;
  }

  /**
   * The section under a dotted key, parsed by its schema. A section that is nowhere mentioned counts as `{}` where
   * the schema is one of an object, so that its defaults hold.
   *
   * @param schema names that people know its fields by, and that are no keys, may stand in its `meta`, as `FieldsMeta`.
   * @param defaults values below every source.
   * @throws ConfigInvalidError with every unknown key and invalid value of the section.
   */
  section<T>(key: string, schema: ZodType<T>, defaults?: object): T {
    const { value, errors } = this.readSection(key, schema, defaults);
    if (errors.length > 0) throw new ConfigInvalidError({ issues: errors });
    return value as T;
  }

  /** Reads a section as `section` does, and tells what is wrong with it instead of throwing. */
  readSection<T>(key: string, schema: ZodType<T>, defaults?: object): SectionReading<T> {
    const path = key.split(".");
    this.#read.add(path[0]!);
    const { tree, issues } = this.#compose(path, defaults);
    const fitted = fitKeys(tree === undefined && takesFields(schema) ? {} : tree, schema);
    const unknown = fitted.unknown.map((field) => this.#unknownField([...path, ...field.path], field));
    const parsed = schema.safeParse(fitted.value);
    const invalid = (parsed.error?.issues ?? []).map((issue): ConfigIssue => {
      const at = [...path, ...issue.path.map(String)];
      return { field: at.join("."), message: `${issue.message}${this.#origin(at)}`, severity: "error" };
    });
    const all = [...issues, ...unknown, ...invalid];
    const errors = all.filter(({ severity }) => severity === "error");
    return {
      value: errors.length === 0 ? shield(parsed.data) : undefined,
      errors,
      warnings: all.filter(({ severity }) => severity === "warning"),
    };
  }

  /** Whether any source mentions the section. */
  has(key: string): boolean {
    return this.#compose(key.split(".")).tree !== undefined;
  }

  /** Sections of files, code and environment that nobody has read so far. */
  unreadSections(): ConfigIssue[] {
    const issues: ConfigIssue[] = [];
    const report = (section: string, source: string, severity: ConfigIssue["severity"]): void => {
      if ([...this.#read].some((known) => sameKey(known, section))) return;
      const near = nearest(section, this.#read);
      const suggestion =
        near === undefined ? "add it to config of the module that reads it" : `did you mean "${near}"?`;
      issues.push({
        field: section,
        message: `no module has such a section (${source})`,
        severity,
        suggestion,
      });
    };
    for (const { source, tree } of this.#layers)
      if (isPlain(tree)) for (const section of Object.keys(tree)) report(section, source, "error");
    for (const { path, variable } of this.#settings) report(path[0]!, variable, "warning");
    return issues;
  }

  /** All sources laid over each other, secrets hidden. */
  toJSON(): unknown {
    return redacted(this.#compose([]).tree ?? {});
  }

  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }

  #compose(path: readonly string[], defaults?: object): { tree: unknown; issues: ConfigIssue[] } {
    const tree = merge([defaults, ...this.#layers.map((layer) => lookUp(layer.tree, path))]);
    const settings = this.#settings
      .filter((setting) => path.every((part, index) => sameKey(part, setting.path[index] ?? "")))
      .map((setting) => ({ ...setting, path: setting.path.slice(path.length) }));
    const applied = applyEnv(tree, settings);
    const prefixed = applied.issues.map((issue) => ({ ...issue, field: [...path, issue.field].join(".") }));
    return { tree: applied.tree, issues: prefixed };
  }

  /** Unknown variables are only worth a warning: a process inherits them from all over. */
  #unknownField(path: readonly string[], { nearest: near, known }: UnknownField): ConfigIssue {
    const written = this.#layers.some(({ tree }) => lookUp(tree, path) !== undefined);
    const fromEnv = !written && this.#settings.some((setting) => startsWith(setting.path, path));
    return {
      field: path.join("."),
      message: `is not a setting${this.#origin(path)}`,
      severity: fromEnv ? "warning" : "error",
      ...(near === undefined && known.length === 0
        ? {}
        : {
            suggestion:
              near === undefined
                ? `settings of ${path.slice(0, -1).join(".")} are ${known.join(", ")}`
                : `did you mean "${near}"?`,
          }),
    };
  }

  /** Where the value at a path comes from, or nothing when it is nowhere mentioned. */
  #origin(path: readonly string[]): string {
    const setting = this.#settings.find(({ path: at }) => startsWith(at, path) || startsWith(path, at));
    if (setting !== undefined) return ` (environment variable ${setting.variable})`;
    const layer = this.#layers.findLast(({ tree }) => lookUp(tree, path) !== undefined);
    return layer === undefined ? "" : ` (${layer.source})`;
  }
}

const startsWith = (path: readonly string[], start: readonly string[]): boolean =>
  start.every((part, index) => index < path.length && sameKey(part, path[index]!));
