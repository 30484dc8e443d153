/** An element of a picture: its name, what it says of itself, and what is in it. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly (Element | string)[];
}

export const element = (
  name: string,
  attributes: Element["attributes"],
  ...children: Element["children"]
): Element => ({ name, attributes, children });

/** A tenth of a pixel is more than anybody sees, and the same on every machine. */
const number = (value: number): string => String(Number(value.toFixed(1)));

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** Writes an element as SVG, its attributes in the order in which they were given. */
export function written({ name, attributes, children }: Element, indent = ""): string {
  const pairs = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === "number" ? number(value) : escaped(value)}"`,
  );
  const open = `${indent}<${name}${pairs.join("")}`;
  if (children.length === 0) return `${open}/>\n`;
  if (children.every((child) => typeof child === "string"))
    return `${open}>${children.map((child) => escaped(child)).join("")}</${name}>\n`;
  const inner = children.map((child) =>
    typeof child === "string" ? `${indent}  ${escaped(child)}\n` : written(child, `${indent}  `),
  );
  return `${open}>\n${inner.join("")}${indent}</${name}>\n`;
}
