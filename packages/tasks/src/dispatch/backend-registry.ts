import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  BackendMissingError,
  type BackendServices,
  BackendUnknownError,
  functionOption,
  nearest,
  refuseUnknownOptions,
  refuseUnless,
  requireOptions,
  shown,
  type TaskBackend,
  type TaskBackendFactory,
  TaskConfigError,
} from "@lexigram/contracts";
import { memoryBackend } from "../memory/memory-backend.ts";

/** First-party backends, by the `type` of an entry of `backends`; loaded when one is asked for. */
const PACKAGES: Readonly<Record<string, string>> = {
  redis: "@lexigram/tasks-redis",
  rabbitmq: "@lexigram/tasks-rabbitmq",
  amqp: "@lexigram/tasks-rabbitmq",
  postgres: "@lexigram/tasks-postgres",
};

/** Imports a module by name or URL. */
export type ImportModule = (specifier: string) => Promise<unknown>;

const importModule: ImportModule = (specifier) => import(specifier);

export interface TaskBackendRegistryOptions {
  /** Loads first-party packages. Default: the running Node does. */
  readonly import?: ImportModule;
  /** The folder in which they are looked for when they do not lie beside this package. Default: the working directory, then that of the program. */
  readonly root?: string;
}

/** Makes backends by their `type`, as configuration names them. */
export class TaskBackendRegistry {
  readonly #factories = new Map<string, TaskBackendFactory>();
  readonly #import: ImportModule;
  readonly #roots: readonly string[];

  /** @throws TaskConfigError for an unknown option. */
  constructor(options: TaskBackendRegistryOptions = {}) {
    refuseUnknownOptions("TaskBackendRegistry", options, ["import", "root"]);
    this.#import = options.import ?? importModule;
    this.#roots = options.root === undefined ? applicationFolders() : [options.root];
    this.#factories.set("memory", (settings, { clock, random }) =>
      memoryBackend({ ...settings, clock, random }),
    );
  }

  /**
   * Adds a type of other people's, or puts another factory in the place of one of ours.
   *
   * @throws TaskConfigError when the type was registered before, or is no name.
   */
  register(type: string, factory: TaskBackendFactory): void {
    if (typeof type !== "string" || !/^[a-z][a-z0-9-]*$/.test(type))
      throw new TaskConfigError(
        `a backend's type cannot be ${shown(type)}`,
        { path: "type" },
        {
          hint: "use small letters, digits and dashes",
        },
      );
    if (this.#factories.has(type))
      throw new TaskConfigError(
        `the backend type "${type}" is registered already`,
        { path: "type" },
        { hint: "choose another name for it" },
      );
    this.#factories.set(type, functionOption("TaskBackendRegistry", "factory", factory));
  }

  /** The types that may be named, in the order of the alphabet; those of packages that are not installed too. */
  availableBackends(): readonly string[] {
    return [...new Set([...this.#factories.keys(), ...Object.keys(PACKAGES)])].sort();
  }

  /**
   * Makes a backend. It connects when it is first used.
   *
   * @param settings the fields of its entry.
   * @throws BackendUnknownError for an unknown type; BackendMissingError when its package is not installed.
   */
  async create(
    type: string,
    settings: Readonly<Record<string, unknown>>,
    services: BackendServices,
  ): Promise<TaskBackend> {
    refuseUnless(typeof type === "string", "create", "type", "must be the type of a backend");
    requireOptions("create", settings);
    requireOptions("create", services);
    const factory = this.#factories.get(type) ?? (await this.#load(type));
    return factory(settings, services);
  }

  async #load(type: string): Promise<TaskBackendFactory> {
    const name = Object.hasOwn(PACKAGES, type) ? PACKAGES[type] : undefined;
    if (name === undefined) {
      const known = this.availableBackends();
      const near = nearest(type, known);
      const meant = near === undefined ? "" : `did you mean "${near}"? `;
      throw new BackendUnknownError({ type, known }, { hint: `${meant}known types: ${known.join(", ")}` });
    }
    const loaded = (await this.#importInstalled(type, name)) as {
      readonly backendFactory?: TaskBackendFactory;
    };
    if (typeof loaded.backendFactory !== "function")
      throw new TaskConfigError(
        `${name} exports no backendFactory`,
        { path: "type" },
        {
          hint: `install a version of ${name} that fits this one of @lexigram/tasks`,
        },
      );
    return loaded.backendFactory;
  }

  /** From where this package stands, else from the application: strict installations hide one from the other. */
  async #importInstalled(type: string, name: string): Promise<unknown> {
    try {
      return await this.#import(name);
    } catch (error) {
      if (!isMissing(error, name)) throw error;
      const path = this.#roots.map((root) => installedIn(root, name)).find((found) => found !== undefined);
      if (path === undefined) throw new BackendMissingError({ type, package: name }, { cause: error });
      return this.#import(pathToFileURL(path).href);
    }
  }
}

function applicationFolders(): readonly string[] {
  const [, program] = process.argv;
  return program === undefined ? [process.cwd()] : [process.cwd(), dirname(program)];
}

function installedIn(root: string, name: string): string | undefined {
  try {
    return createRequire(join(root, "package.json")).resolve(name);
  } catch {
    return undefined;
  }
}

/** Whether the package itself was not found, rather than something that it imports. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" && String(message).includes(`'${name}'`);
}
