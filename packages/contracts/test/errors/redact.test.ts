import { describe, expect, test } from "vitest";
import { redact } from "@lexigram/contracts";

/** Processor time, which other processes do not lengthen, in ms. */
function cost(text: string): number {
  const before = process.cpuUsage();
  redact(text);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

describe("redact", () => {
  test.each([
    ["redis://u:p@h/0", "redis://***@h/0"],
    ["postgres+ssl://u:p@h and amqp://x@y", "postgres+ssl://***@h and amqp://***@y"],
    [`${"s".repeat(100)}://u:p@h`, `${"s".repeat(100)}://***@h`],
    ["x?a=1&token=abc&b=2", "x?a=1&token=***&b=2"],
    ["nats://h:4222 failed for a@b.c", "nats://h:4222 failed for a@b.c"],
  ])("makes of %s %s", (text, safe) => {
    expect(redact(text)).toBe(safe);
  });

  test.each([
    ["dots between letters", "a."],
    ["schemes", "a://"],
    ["beginnings of secrets", "?token="],
    ["ends of credentials", "@a"],
    ["letters", "a"],
    ["spaces", " "],
  ])("takes ten times as much of nothing but %s in about ten times as long", (_what, part) => {
    const [small, large] = [10_000, 100_000].map((size) => cost(`${part.repeat(size / part.length)}=`));
    // Squared, the large one takes a hundred times as long: seconds.
    expect(large).toBeLessThan(30 * (small ?? 0) + 500);
  });
});
