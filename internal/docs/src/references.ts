import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Where each key of configuration has a test of its own. */
const SETTINGS = "packages/tasks/test/config/every-key.test.ts";

/** A text as a program writes it, behind what begins a test or a group of them. */
const TITLE =
  /(?:\b(?:test|describe)(?:\.\w+)*|\))\s*\(\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)/g;

/** A file of the tests that a test imports. */
const SHARED = /from "(\.[^"]*\/test\/[^"]*\.ts)"/g;

/**
 * What a table refers to: `law Q-01`, `test path: title` (of a test or a group of tests), `types path` (a file that the
 * compiler judges), `example path`, `setting key`.
 */
export class References {
  readonly #root: string;
  readonly #laws: ReadonlySet<string>;
  readonly #titles = new Map<string, ReadonlySet<string>>();

  constructor(root: string) {
    this.#root = root;
    const folder = join(root, "docs/laws");
    const pages = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
    this.#laws = new Set(
      pages.flatMap((page) => [...page.matchAll(/^- \*\*([A-Z]-\d+)\*\* /gm)].map(([, law = ""]) => law)),
    );
  }

  /** @returns what is wrong with a reference; nothing when what it names is there. */
  fault(reference: string): string | undefined {
    const [, kind, name = ""] = /^(\w+) (.+)$/s.exec(reference) ?? [];
    switch (kind) {
      case "law":
        return this.#laws.has(name) ? undefined : `there is no law ${name}`;
      case "test": {
        const [path, title] = split(name);
        if (!path.endsWith(".test.ts") || !this.#has(path)) return `there is no test file ${path}`;
        return this.#titlesIn(path).has(title) ? undefined : `${path} has no test "${title}"`;
      }
      case "types":
        return name.endsWith(".test-d.ts") && this.#has(name) ? undefined : `there is no type test ${name}`;
      case "example":
        return name.startsWith("examples/") && this.#has(name) ? undefined : `there is no example ${name}`;
      case "setting":
        return this.#text(SETTINGS).includes(`\n  "${name}": `)
          ? undefined
          : `no test proves the key ${name}`;
      default:
        return `"${reference}" is no reference`;
    }
  }

  /** The reference as it stands in a cell of a page in `docs/proof/`. */
  shown(reference: string): string {
    const [, kind = "", name = ""] = /^(\w+) (.+)$/s.exec(reference) ?? [];
    const link = (path: string): string => `[${path.replace(/^.*\//, "")}](../../${path})`;
    if (kind === "law") return `law ${name}`;
    if (kind === "setting") return `${link(SETTINGS)}: \`${name}\``;
    if (kind !== "test") return link(name);
    const [path, title] = split(name);
    return `${link(path)}: “${title.replaceAll("|", String.raw`\|`).replaceAll("<", "&lt;")}”`;
  }

  #has(path: string): boolean {
    return existsSync(join(this.#root, path));
  }

  #text(path: string): string {
    return readFileSync(join(this.#root, path), "utf8");
  }

  #titlesIn(path: string): ReadonlySet<string> {
    let titles = this.#titles.get(path);
    if (titles === undefined) {
      const text = this.#text(path);
      // What several stores have in common is written once, beside the tests of one of them.
      const shared = [...text.matchAll(SHARED)].map(([, file = ""]) => join(dirname(path), file));
      const texts = [text, ...shared.filter((file) => this.#has(file)).map((file) => this.#text(file))];
      titles = new Set(
        texts.flatMap((one) => [...one.matchAll(TITLE)].map(([, literal = ""]) => unquoted(literal))),
      );
      this.#titles.set(path, titles);
    }
    return titles;
  }
}

/** Path and title; a path holds no such sign. */
function split(name: string): readonly [path: string, title: string] {
  const at = name.indexOf(": ");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 2)];
}

const unquoted = (literal: string): string => literal.slice(1, -1).replaceAll(/\\(.)/g, "$1");
