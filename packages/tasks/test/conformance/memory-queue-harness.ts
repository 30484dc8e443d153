import { ManualClock, type QueueHarness, uniqueName } from "@lexigram/conformance";
import { memoryBackend } from "../../src/memory/memory-backend.ts";

/** Two queue objects of one backend under one name are to each other what connections to one server are. */
export function memoryQueueHarness(options: { readonly timeMoves?: boolean } = {}): QueueHarness {
  const clock = new ManualClock();
  const backend = memoryBackend({ clock });
  return {
    name: "memory",
    clock,
    open: async () => backend.queue(uniqueName("queue")),
    peer: async (queue) => backend.queue(queue.name),
    reopen: async (queue) => {
      await queue.close();
      return backend.queue(queue.name);
    },
    ...(options.timeMoves === false ? {} : { advance: (ms: number) => clock.advance(ms) }),
    dispose: () => backend.close(),
  };
}
