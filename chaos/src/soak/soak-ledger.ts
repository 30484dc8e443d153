import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Soaked } from "./soak.ts";
import type { Sample } from "./trend.ts";

/** Looks that are kept of each series: enough to draw it. */
const KEPT = 400;

/** Every so many of them, the last one included. */
function thinned(samples: readonly Sample[]): readonly Sample[] {
  const step = Math.ceil(samples.length / KEPT);
  return samples.filter((_, i) => i % step === 0 || i === samples.length - 1);
}

const rounded = ({ at, value }: Sample): Sample => ({ at: Math.round(at), value: Number(value.toFixed(2)) });

/**
 * Writes what a soak showed as JSON and as a Markdown page, named after its day and store.
 *
 * @returns the names of both files.
 */
export function publishSoak(
  folder: string,
  date: string,
  machine: string,
  soaked: Soaked,
): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const name = join(folder, `${date}-soak-${soaked.store}`);
  const samples = Object.fromEntries(
    Object.entries(soaked.samples).map(([series, of]) => [series, thinned(of).map(rounded)]),
  );
  writeFileSync(`${name}.json`, `${JSON.stringify({ date, machine, ...soaked, samples }, undefined, 2)}\n`);
  writeFileSync(`${name}.md`, pageOf(date, machine, soaked));
  return [`${name}.json`, `${name}.md`];
}

function pageOf(date: string, machine: string, soaked: Soaked): string {
  const { store, seconds, seed, accepted, completed, retried, dead, workflows, ticks, trends, missed } =
    soaked;
  const figure = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 1 });
  return [
    `# Soak on ${store}, ${date}`,
    "",
    `${machine}. ${figure(seconds / 60)} minutes, seed ${seed}. ${missed.length === 0 ? "Nothing was missed." : `**Missed**: ${missed.join("; ")}.`}`,
    "",
    `${figure(accepted)} jobs accepted, ${figure(completed)} completed, ${figure(dead)} dead letters, ${figure(retried)} retries, ${figure(workflows)} workflows, ${figure(ticks)} jobs of the schedule.`,
    "",
    "| | first | last | most | an hour, by the slope | growth | allowed | |",
    "|---|---:|---:|---:|---:|---:|---:|---|",
    ...Object.entries(trends).map(
      ([series, { first, last, most, perHour, growth, allowed, holds }]) =>
        `| ${series} | ${[first, last, most, perHour, growth, allowed].map(figure).join(" | ")} | ${holds ? "level" : "**grows**"} |`,
    ),
    "",
  ].join("\n");
}
