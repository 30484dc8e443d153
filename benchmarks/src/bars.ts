import type { Cell } from "./driver.ts";
import type { Measured } from "./workload.ts";

/** What our system must reach, beside another in the same run. */
export interface Bar {
  readonly workload: string;
  readonly concurrency: number;
  readonly measure: keyof Measured;
  /**
   * What to compare with: a system, its better variant counting, or one variant as `system (variant)`; absent: our own
   * `base`, or nothing.
   */
  readonly against?: string;
  /** The one variant of ours that is held to it; absent: each. */
  readonly variant?: string;
  /** Another figure of our own result to compare with. */
  readonly base?: keyof Measured;
  readonly least?: number;
  readonly most?: number;
  readonly goal?: number;
}

/** A bar and how our system, or a variant of it, stands to it. */
export interface Judged {
  readonly bar: Bar;
  /** The variant of ours; absent: as shipped. */
  readonly variant?: string;
  readonly ours: number;
  /** What it was compared with. */
  readonly other?: { readonly name: string; readonly value: number };
  readonly ratio: number;
  readonly isMet: boolean;
}

const rate = (workload: string, concurrency: number, against: string, least: number, goal?: number): Bar => ({
  workload,
  concurrency,
  measure: "perSecond",
  against,
  least,
  ...(goal === undefined ? {} : { goal }),
});

const cost = (
  workload: string,
  concurrency: number,
  measure: keyof Measured,
  against: string,
  most: number,
): Bar => ({ workload, concurrency, measure, against, most });

const POSTGRES_RIVALS = ["graphile-worker", "pg-boss", "bullmq"] as const;

/** What one by one costs two commits a job, and can only be beaten so far by what is batched. */
const UNBATCHED = ["graphile-worker (one by one)", "pg-boss (one by one)", "bullmq"] as const;

const BARS: Readonly<Record<string, readonly Bar[]>> = {
  redis: [
    rate("W1", 1, "bullmq", 1.3),
    rate("W1", 1, "bee-queue", 0.9),
    rate("W1", 1, "spike", 0.6),
    rate("W2", 1, "bullmq", 3),
    rate("W2", 1, "spike", 0.6),
    rate("W3", 1, "bullmq", 8),
    rate("W3", 1, "bee-queue", 2.5),
    rate("W3", 1, "spike", 0.6),
    rate("W4", 1, "bullmq", 10),
    rate("W4", 1, "spike", 0.6),
    rate("W4", 10, "spike", 0.6),
    rate("W4", 100, "bullmq", 4, 5),
    rate("W4", 100, "spike", 0.6),
    rate("W5", 100, "bullmq", 2.5, 3),
    rate("W5", 100, "spike", 0.6),
    cost("W6", 10, "p50Ms", "bullmq", 0.6),
    cost("W7", 10, "p50Ms", "bullmq", 0.4),
    cost("W8", 1, "bytesPerJob", "bullmq", 0.75),
    cost("W8", 1, "bytesPerJob", "bee-queue", 1),
    cost("W10", 100, "allAfterDueMs", "bullmq", 0.4),
    { workload: "W10", concurrency: 100, measure: "early", most: 0 },
    { workload: "B1", concurrency: 1, measure: "p50Ms", base: "p50AtThousandMs", most: 1.5 },
  ],
  postgres: [
    ...POSTGRES_RIVALS.flatMap((rival) => [
      rate("W1", 1, rival, 1.2),
      rate("W2", 1, rival, 15),
      rate("W3", 1, rival, 1.5),
      rate("W5", 100, rival, 15),
      cost("W6", 10, "p50Ms", rival, 1),
      cost("W10", 100, "allAfterDueMs", rival, 0.7),
    ]),
    rate("W4", 100, "graphile-worker (batched)", 1.5),
    rate("W4", 100, "pg-boss (batched)", 1.5),
    rate("W4", 100, "pg-boss (fetch)", 1.5),
    ...UNBATCHED.map((rival) => rate("W4", 100, rival, 15)),
    cost("W8", 1, "bytesPerJob", "graphile-worker", 1),
    { workload: "W4", concurrency: 100, measure: "walBytes", most: 450 },
    { workload: "W4", concurrency: 100, measure: "deadRows", variant: "keepCompleted: 0", most: 3.1 },
    { workload: "W10", concurrency: 100, measure: "early", most: 0 },
    { workload: "B2", concurrency: 1, measure: "p99Ms", most: 20 },
    // A second's.
    { workload: "B2", concurrency: 1, measure: "backlog", most: 800 },
    rate("W1", 1, "spike", 0.6),
    rate("W2", 1, "spike", 0.6),
    rate("W3", 1, "spike", 0.6),
    rate("W4", 1, "spike", 0.6),
    rate("W4", 10, "spike", 0.6),
    rate("W4", 100, "spike", 0.6),
    rate("W5", 100, "spike", 0.6),
  ],
  // Each type of queue beside the same type.
  rabbitmq: (["quorum", "classic"] as const).flatMap((variant) =>
    [
      rate("W2", 1, `plain (${variant})`, 0.8),
      rate("W3", 1, `plain (${variant})`, 0.8),
      rate("W4", 100, `plain (${variant})`, 0.7),
      rate("W5", 100, `plain (${variant})`, 0.7),
      cost("W6", 10, "p50Ms", `plain (${variant})`, 1.2),
      cost("W7", 10, "p50Ms", `plain (${variant})`, 1.2),
      { workload: "W10", concurrency: 100, measure: "early", most: 0 } as const,
    ].map((bar) => ({ ...bar, variant })),
  ),
};

/** Holds our system as shipped, and each variant of it, against the bars of its store. A bar whose systems did not run is left out. */
export function judge(cells: readonly Cell[]): readonly Judged[] {
  const [store = ""] = cells.map((cell) => cell.store);
  return (BARS[store] ?? []).flatMap((bar) => {
    const beside = cells.filter(
      (cell) => cell.workload === bar.workload && cell.concurrency === bar.concurrency,
    );
    return beside.flatMap((cell) => {
      const ours = cell[bar.measure];
      if (cell.system !== "ours" || ours === undefined) return [];
      if (bar.variant !== undefined && bar.variant !== cell.variant) return [];
      const other = comparedWith(bar, cell, beside);
      const stands = bar.against === undefined && bar.base === undefined;
      if (other === undefined && !stands) return [];
      const ratio = other === undefined ? ours : ours / other.value;
      return [
        {
          bar,
          ...(cell.variant === undefined ? {} : { variant: cell.variant }),
          ours,
          ...(other === undefined ? {} : { other }),
          ratio,
          isMet: ratio >= (bar.least ?? -Infinity) && ratio <= (bar.most ?? Infinity),
        },
      ];
    });
  });
}

function comparedWith(bar: Bar, ours: Cell, beside: readonly Cell[]): Judged["other"] {
  if (bar.base !== undefined) {
    const value = ours[bar.base];
    return value === undefined ? undefined : { name: bar.base, value };
  }
  const candidates = beside.flatMap((cell) => {
    const value = cell[bar.measure];
    const name = cell.variant === undefined ? cell.system : `${cell.system} (${cell.variant})`;
    if (![cell.system, name].includes(bar.against ?? "") || value === undefined) return [];
    return [{ name, value }];
  });
  const [best] = candidates.toSorted((a, b) =>
    bar.least === undefined ? a.value - b.value : b.value - a.value,
  );
  return best;
}
