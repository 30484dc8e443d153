import type { HarnessSource, QueueHarness } from "../kit/harness.ts";
import { same } from "../kit/expect.ts";
import type { QueueCommand } from "./commands.ts";
import { ModelCheck } from "./model-check.ts";
import { type Played, Player } from "./player.ts";

/**
 * Plays a script on a fresh queue and checks every answer, and where every job then stands, against the model.
 *
 * @throws at the first answer that the laws do not allow; the message holds the step and what was played until then.
 */
export async function followsModel(
  commands: readonly QueueCommand[],
  source: HarnessSource<QueueHarness>,
): Promise<void> {
  await withQueue(source, async (player) => {
    const check = new ModelCheck();
    const history: Played[] = [];
    for (const command of commands) {
      try {
        if (player.mustBeat(command)) {
          await player.beat();
          check.compare(await player.look(), player.ids);
        }
        const played = await player.play(command);
        if (played === undefined) continue;
        history.push(played);
        if (command.kind === "enqueue") check.enqueuesAs(command.worker);
        check.check(played);
        if (played.kind === "advance") continue;
        await player.beat();
        check.compare(await player.look(), player.ids);
      } catch (cause) {
        const told = history.map((step, i) => `  ${i + 1}. ${JSON.stringify(step)}`).join("\n");
        throw new Error(`${(cause as Error).message}\nafter\n${told}`, { cause });
      }
    }
  });
}

/**
 * Plays a script on two queues and compares every answer and every job. Where the laws leave a choice, the subject
 * must choose as the reference does.
 *
 * @throws at the first difference.
 */
export async function sameHistory(
  commands: readonly QueueCommand[],
  subject: HarnessSource<QueueHarness>,
  reference: HarnessSource<QueueHarness>,
): Promise<void> {
  await withQueue(subject, (one) =>
    withQueue(reference, async (other) => {
      for (const [i, command] of commands.entries()) {
        const [mine, theirs] = [await one.play(command), await other.play(command)];
        same(comparable(mine), comparable(theirs), `step ${i + 1}, ${command.kind}`);
        if (command.kind === "advance") continue;
        await one.beat();
        await other.beat();
        same(await one.look(), await other.look(), `the jobs after step ${i + 1}, ${command.kind}`);
      }
    }),
  );
}

/** An answer less what only says when to look again. */
function comparable(played: Played | undefined): unknown {
  if (played?.kind !== "exchange" && played?.kind !== "resent exchange") return played;
  const { nextDueInMs: _, ...answer } = played.answer;
  return { ...played, answer };
}

async function withQueue(
  source: HarnessSource<QueueHarness>,
  use: (player: Player) => Promise<void>,
): Promise<void> {
  const harness = typeof source === "function" ? await source() : source;
  const queue = await harness.open();
  try {
    await use(new Player(queue, harness));
  } finally {
    await queue.close();
    if (typeof source === "function") await harness.dispose();
  }
}
