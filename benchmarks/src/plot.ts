// Draws a dated benchmark: npm run bench:plot -- FILE.json [FILE.svg]
import { readFileSync, writeFileSync } from "node:fs";
import { pictureOf } from "./plot/picture.ts";
import type { PublishedBenchmark } from "./published.ts";

const [from = "", to = from.replace(/\.json$/, ".svg"), ...others] = process.argv.slice(2);
if (!from.endsWith(".json") || to === from || others.length > 0) {
  console.error(
    "usage: npm run bench:plot -- FILE.json [FILE.svg]\n\n  FILE.json  what `npm run bench -- all` wrote, or `npm run bench -- STORE --out FOLDER`\n  FILE.svg   the picture (default: beside it, under the same name)",
  );
  process.exit(2);
}
const benchmark = JSON.parse(readFileSync(from, "utf8")) as PublishedBenchmark;
if (!Array.isArray(benchmark.stores)) {
  console.error(`${from} is no benchmark: it has no stores`);
  process.exit(1);
}
writeFileSync(to, pictureOf(benchmark));
console.log(to);
