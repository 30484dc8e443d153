import type { Cell } from "./driver.ts";
import type { Measured } from "./workload.ts";

/** What a workload is about: its first figure that is there. Of the others less is better. */
const FIGURES: readonly (readonly [field: keyof Measured, more: "is better" | "is worse"])[] = [
  ["readPerSecond", "is better"],
  ["rssGrowthMiB", "is worse"],
  ["perSecond", "is better"],
  ["allAfterDueMs", "is worse"],
  ["p50Ms", "is worse"],
  ["bytesPerJob", "is worse"],
  ["listMs", "is worse"],
];

/** How ours stands to another system in one workload, both of one run. */
export interface Ratio {
  readonly store: string;
  readonly workload: string;
  readonly concurrency: number;
  /** The variant of ours; absent: as shipped. */
  readonly variant?: string;
  readonly against: string;
  readonly figure: keyof Measured;
  /** How many times as good ours is: 2 is twice the rate, or half the time. */
  readonly times: number;
}

/** The figure that a cell is about. */
export function figureOf(
  cell: Measured,
): { readonly field: keyof Measured; readonly value: number } | undefined {
  for (const [field] of FIGURES) {
    const value = cell[field];
    if (value !== undefined) return { field, value };
  }
  return undefined;
}

/** Whether more of a figure is better. */
export const isMoreBetter = (field: keyof Measured): boolean =>
  FIGURES.find(([own]) => own === field)?.[1] === "is better";

export const nameOf = ({ system, variant }: Pick<Cell, "system" | "variant">): string =>
  variant === undefined ? system : `${system} (${variant})`;

/** Each variant of ours against each other system of the same store, workload and concurrency. */
export function ratiosOf(cells: readonly Cell[]): readonly Ratio[] {
  return cells
    .filter(({ system }) => system === "ours")
    .flatMap((ours) => {
      const own = figureOf(ours);
      if (own === undefined) return [];
      return cells
        .filter(
          ({ system, store, workload, concurrency }) =>
            system !== "ours" &&
            store === ours.store &&
            workload === ours.workload &&
            concurrency === ours.concurrency,
        )
        .flatMap((other): readonly Ratio[] => {
          const value = other[own.field];
          if (value === undefined || value <= 0 || own.value <= 0) return [];
          return [
            {
              store: ours.store,
              workload: ours.workload,
              concurrency: ours.concurrency,
              ...(ours.variant === undefined ? {} : { variant: ours.variant }),
              against: nameOf(other),
              figure: own.field,
              times: Number((isMoreBetter(own.field) ? own.value / value : value / own.value).toPrecision(3)),
            },
          ];
        });
    });
}
