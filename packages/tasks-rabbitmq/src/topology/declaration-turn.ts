import type { Clock } from "@lexigram/contracts";
import type { Channel } from "amqplib";
import { ChannelKeeper } from "../connection/channel-keeper.ts";
import type { Link } from "../connection/link.ts";
import { isNotFound, isResourceLocked, unavailable } from "../connection/refusals.ts";
import type { QueueNames } from "./names.ts";

export interface DeclarationTurnParts {
  readonly link: Link;
  readonly clock: Clock;
  /** So long the turn of another is waited for. */
  readonly callTimeoutMs: number;
  readonly subject: string;
  readonly names: QueueNames;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 320;

/** An exclusive queue is its connection's, so those on one connection take turns here. */
const turns = new WeakMap<Link, Map<string, Promise<unknown>>>();

/**
 * Lets one at a time, of all processes, declare queues that are not known to be there.
 *
 * A quorum queue that another connection is still making is declared as if it were there, and to consume from it then makes the
 * server close the connection with `INTERNAL_ERROR` (RabbitMQ 3.10: `badmatch {error, noproc}` in
 * `rabbit_quorum_queue:consume/3`). So whoever declares first leaves a mark, an exchange without bindings; who finds none takes the
 * turn, an exclusive queue, which ends with its connection. It is a prudence: when the turn does not come in time, the queues are
 * declared without it.
 *
 * @throws what `declare` throws; QueueUnavailableError.
 */
export function declareInTurn(parts: DeclarationTurnParts, declare: () => Promise<void>): Promise<void> {
  const { link, names } = parts;
  const waiting = turns.get(link) ?? new Map<string, Promise<unknown>>();
  turns.set(link, waiting);
  const before = waiting.get(names.mark) ?? Promise.resolve();
  const mine = before.then(() => declaredAmongProcesses(parts, declare));
  const over = mine
    .catch(() => {})
    .finally(() => {
      if (waiting.get(names.mark) === over) waiting.delete(names.mark);
    });
  waiting.set(names.mark, over);
  return mine;
}

async function declaredAmongProcesses(
  parts: DeclarationTurnParts,
  declare: () => Promise<void>,
): Promise<void> {
  const { link, clock, callTimeoutMs, subject, names } = parts;
  // What the server refuses ends a channel, so this is on one of its own.
  const keeper = new ChannelKeeper<Channel>({
    link,
    clock,
    callTimeoutMs,
    subject,
    make: (model) => model.createChannel(),
  });
  try {
    const hasTurn = await turnOf(parts, keeper);
    try {
      await declare();
      if (hasTurn) {
        const channel = await keeper.ready();
        const mark = channel.assertExchange(names.mark, "direct", { durable: true });
        await keeper.answered(channel, mark, "the declaration of a mark");
      }
    } finally {
      if (hasTurn) await endTurn(parts, keeper);
    }
  } finally {
    await keeper.close();
  }
}

/** @returns false when nobody needs it: all is there, or whoever has it keeps it too long. */
async function turnOf(
  { clock, callTimeoutMs, subject, names }: DeclarationTurnParts,
  keeper: ChannelKeeper<Channel>,
): Promise<boolean> {
  const until = clock.monotonic() + callTimeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const asks = await keeper.ready();
    try {
      await keeper.asked(asks, asks.checkExchange(names.mark), "the look at a mark");
      return false;
    } catch (error) {
      if (!isNotFound(error)) throw unavailable(subject, error);
    }
    const takes = await keeper.ready();
    try {
      await keeper.asked(takes, takes.assertQueue(names.turn, { exclusive: true }), "the taking of a turn");
      return true;
    } catch (error) {
      if (!isResourceLocked(error)) throw unavailable(subject, error);
    }
    if (clock.monotonic() + pauseMs > until) return false;
    await new Promise<void>((resolve) => {
      clock.setTimer(resolve, pauseMs);
    });
  }
}

async function endTurn({ names }: DeclarationTurnParts, keeper: ChannelKeeper<Channel>): Promise<void> {
  try {
    const channel = await keeper.ready();
    await keeper.answered(channel, channel.deleteQueue(names.turn), "the end of a turn");
  } catch {
    // It ends with the connection.
  }
}
