import type { QueueCapabilities } from "@lexigram/contracts";

type Cell = QueueCapabilities[keyof QueueCapabilities];

/**
 * Reads the table of required manifests: a header row `| capability | memory | … |`, then one row for each
 * capability, values written as in code.
 *
 * @param markdown a document that holds exactly one such table.
 * @returns the required manifest by backend.
 * @throws Error when there is no such table, a row is too short or a value cannot be read.
 */
export function parseManifests(markdown: string): ReadonlyMap<string, Readonly<Record<string, Cell>>> {
  const lines = markdown.split("\n");
  const head = lines.findIndex((line) => /^\|\s*capability\s*\|/.test(line));
  if (head < 0) throw new Error("there is no table whose first column is called capability");
  const [, ...backends] = cells(lines[head] ?? "");
  const manifests = new Map<string, Record<string, Cell>>(backends.map((backend) => [backend, {}]));
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith("|")) break;
    const [capability = "", ...values] = cells(line);
    if (values.length !== backends.length)
      throw new Error(`the row of ${capability} is too short or too long`);
    for (const [i, backend] of backends.entries()) {
      const manifest = manifests.get(backend);
      if (manifest !== undefined) manifest[capability] = parseCell(values[i] ?? "");
    }
  }
  return manifests;
}

function cells(row: string): string[] {
  return row
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.replaceAll("`", "").trim());
}

function parseCell(text: string): Cell {
  if (text === "true" || text === "false") return text === "true";
  if (/^\d+$/.test(text)) return Number(text);
  switch (text) {
    case "exact":
    case "eventual":
    case "approximate":
    case "none":
      return text;
    default:
      throw new Error(`"${text}" is no value of a capability`);
  }
}
