import { once } from "node:events";
import { Application } from "@lexigram/kernel";
import { BackgroundTaskManager, delay, OnErrorPolicy, ScheduledWorker, TasksModule } from "@lexigram/tasks";

class Sweeper extends ScheduledWorker {
  readonly swept = new EventTarget();
  #times = 0;

  protected override runCycle(): void {
    console.log("swept", ++this.#times);
    if (this.#times === 3) this.swept.dispatchEvent(new Event("thrice"));
  }
}

const app = await Application.boot({ modules: [TasksModule.configure()] });
const background = app.get(BackgroundTaskManager);

// In this process alone, from the end of each cycle; stops with the application.
const sweeper = new Sweeper(background, { interval: "5ms", onError: OnErrorPolicy.BACKOFF });
const thrice = once(sweeper.swept, "thrice");
sweeper.start();
await thrice;
await sweeper.stop();

const warm = delay(async (name: string) => `${name} is warm`, { manager: background });
console.log(await warm.delay("cache").result, "and", background.pendingCount, "left");
await app.close();
