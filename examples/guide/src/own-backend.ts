import type { TaskBackendFactory } from "@lexigram/contracts";
import { Application, type BootContainer, Provider, ProviderPriority } from "@lexigram/kernel";
import {
  memoryBackend,
  task,
  TaskBackendRegistry,
  TaskDispatcher,
  TaskQueueProtocol,
  TasksModule,
} from "@lexigram/tasks";

/** Keeps jobs in memory and tells of each batch that is stored. A store of your own stands in its place. */
const auditedBackend: TaskBackendFactory = (settings, { clock, random, logger }) => {
  const memory = memoryBackend({ clock, random });
  return {
    ...memory,
    type: "audited",
    queue(name, options) {
      const queue = memory.queue(name, options);
      const enqueueMany: TaskQueueProtocol["enqueueMany"] = (jobs, call) => {
        console.log(
          `${String(settings["ledger"])}: ${jobs.map((job) => job.task).join(", ")} into "${name}"`,
        );
        logger.debug("a batch is stored", { call: call.seq });
        return queue.enqueueMany(jobs, call);
      };
      return new Proxy(queue, {
        get(target, member) {
          if (member === "enqueueMany") return enqueueMany;
          const value: unknown = Reflect.get(target, member, target);
          return typeof value === "function" ? (value as () => unknown).bind(target) : value;
        },
      });
    },
  };
};

/** Boots before the tasks do, so that configuration can name the type. */
class AuditedProvider extends Provider {
  override priority = ProviderPriority.CRITICAL;
  override boot(container: BootContainer): void {
    container.resolve(TaskBackendRegistry).register("audited", auditedBackend);
  }
}

const greet = task({ name: "greet" }, async () => "hello");
const backends = [{ name: "main", type: "audited", extra: { ledger: "ledger-1" } }];
const app = await Application.boot({
  modules: [TasksModule.configure({ backends }), TasksModule.scope(greet)],
  providers: [AuditedProvider],
});
const handle = await app.get(TaskDispatcher).enqueue(greet);
console.log(await handle.result());
const { priorities, transactions } = app.get(TaskQueueProtocol).capabilities;
console.log(`${priorities} levels of priority, transactions: ${transactions}`);
await app.close();
