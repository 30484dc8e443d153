import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { z } from "zod";

class NetworkError extends Error {}

let calls = 0;
const charge = task(
  {
    name: "card.charge",
    input: z.object({ cents: z.number() }),
    maxRetries: 3,
    retry: {
      retryOn: [NetworkError],
      baseDelay: "10ms",
      jitter: false,
      onRetry: (_error, { attempt, delayMs }) =>
        console.log(`attempt ${attempt} failed, next in ${delayMs} ms`),
    },
  },
  async ({ cents }) => {
    calls++;
    if (cents < 0) throw new RangeError("a charge is positive");
    // A cause counts too: what a client library wraps is still a network error.
    if (calls < 3) throw new Error("the gateway did not answer", { cause: new NetworkError("ECONNRESET") });
    return `charged ${cents}`;
  },
);

const app = await Application.boot({ modules: [TasksModule.configure(), TasksModule.scope(charge)] });
const tasks = app.get(TaskDispatcher);
console.log(await (await tasks.enqueue(charge, { cents: 500 })).result());

const hopeless = await tasks.enqueue(charge, { cents: -1 });
await hopeless
  .result()
  .catch((error: Error) =>
    console.log(error.name, "after one attempt:", error.message.split(": ").slice(1).join(": ")),
  );
await app.close();
