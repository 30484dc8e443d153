import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { type Notification, Notifier } from "../../src/connection/notifier.ts";

function notifying() {
  const clock = new ManualClock();
  const sent: (readonly Notification[])[] = [];
  return { clock, sent, notifier: new Notifier(clock, (notifications) => void sent.push(notifications)) };
}

describe("the notifier", () => {
  test("tells what one turn brings at once and together, the same text once a channel", async () => {
    const { clock, sent, notifier } = notifying();
    notifier.notify("a", "");
    notifier.notify("b", "1");
    await clock.advance(0);
    expect(sent).toEqual([
      [
        ["a", ""],
        ["b", "1"],
      ],
    ]);
  });

  test("holds what follows within 5 ms, and always tells it at their end", async () => {
    const { clock, sent, notifier } = notifying();
    notifier.notify("a", "1");
    await clock.advance(1);
    for (const text of ["2", "3", "2"]) notifier.notify("a", text);
    await clock.advance(3);
    expect(sent).toEqual([[["a", "1"]]]);
    await clock.advance(1);
    expect(sent.slice(1)).toEqual([
      [
        ["a", "2"],
        ["a", "3"],
      ],
    ]);
    notifier.notify("a", "4");
    await clock.advance(4);
    expect(sent).toHaveLength(2);
    await clock.advance(1);
    expect(sent[2]).toEqual([["a", "4"]]);
    await clock.advance(5);
    notifier.notify("a", "5");
    await clock.advance(0);
    expect(sent[3]).toEqual([["a", "5"]]);
  });

  test("tells what waits when it is closed, and nothing after", async () => {
    const { clock, sent, notifier } = notifying();
    notifier.notify("a", "1");
    await clock.advance(0);
    notifier.notify("a", "2");
    notifier.close();
    notifier.notify("a", "3");
    await clock.advance(10);
    expect(sent).toEqual([[["a", "1"]], [["a", "2"]]]);
  });
});
