import type { JsonValue } from "@lexigram/contracts";
import { holds, same } from "../kit/expect.ts";
import type { StateCase } from "../kit/run-case.ts";
import type { StateEnv } from "../kit/state-env.ts";

/** Reads a subscription into a list until it ends. */
function collect(messages: AsyncIterable<JsonValue>): {
  readonly seen: JsonValue[];
  readonly end: Promise<void>;
} {
  const seen: JsonValue[] = [];
  const end = (async () => {
    for await (const message of messages) seen.push(message);
  })();
  return { seen, end };
}

/** Waits until a list has grown to a length, or a good while has passed. */
async function grownTo(env: StateEnv, list: readonly unknown[], length: number): Promise<void> {
  for (let i = 0; i < 20 && list.length < length; i++) await env.pass(env.span(0.25));
}

export const topics: readonly StateCase[] = [
  {
    law: "S-18",
    name: "delivers every message from the moment of the subscription, in order, to each subscriber",
    run: async (env) => {
      const topic = env.name("topic");
      const controller = new AbortController();
      await env.store.publish(topic, "before");
      const a = collect(await env.store.subscribe(topic, controller.signal));
      const b = collect(await (await env.peer()).subscribe(topic, controller.signal));
      const messages = [1, { a: [null] }, "three", null];
      for (const message of messages) await env.store.publish(topic, message);
      await env.store.publish(env.name("topic"), "of another topic");
      await grownTo(env, a.seen, 4);
      await grownTo(env, b.seen, 4);
      same([a.seen, b.seen], [messages, messages], "what each subscriber saw");
      controller.abort();
      await Promise.all([a.end, b.end]);
    },
  },
  {
    law: "S-19",
    name: "ends a subscription when its signal is aborted, before or meanwhile, and no other",
    run: async (env) => {
      const topic = env.name("topic");
      const [one, other] = [new AbortController(), new AbortController()];
      const ended = collect(await env.store.subscribe(topic, one.signal));
      const kept = collect(await env.store.subscribe(topic, other.signal));
      one.abort();
      holds(await env.time.endsWithin(ended.end, env.span(2)), "the aborted subscription ended");
      await env.store.publish(topic, "later");
      await grownTo(env, kept.seen, 1);
      same([ended.seen, kept.seen], [[], ["later"]], "what each saw");
      other.abort();
      const never = collect(await env.store.subscribe(topic, AbortSignal.abort()));
      holds(await env.time.endsWithin(never.end, env.span(2)), "a subscription with an aborted signal ended");
    },
  },
  {
    law: "S-19",
    name: "ends subscriptions when the store is closed",
    run: async (env) => {
      const messages = collect(await env.store.subscribe(env.name("topic"), new AbortController().signal));
      await env.store.close();
      holds(
        await env.time.endsWithin(
          messages.end.catch(() => undefined),
          env.span(2),
        ),
        "the subscription ended",
      );
    },
  },
  {
    law: "S-20",
    name: "keeps the latest thousand messages for a slow reader",
    run: async (env) => {
      const topic = env.name("topic");
      const controller = new AbortController();
      const messages = await env.store.subscribe(topic, controller.signal);
      for (let i = 0; i < 1_300; i++) await env.store.publish(topic, i);
      await env.pass(env.span(2));
      const { seen } = collect(messages);
      await grownTo(env, seen, 1_000);
      controller.abort();
      holds(seen.length >= 999 && seen.length <= 1_001, `a slow reader saw ${seen.length} messages of 1,300`);
      same(seen.at(-1), 1_299, "the latest of them");
    },
  },
];
