import { Application } from "@lexigram/kernel";
import { TaskConfig, TasksModule } from "@lexigram/tasks";

// What a deployment sets; by default these are read from process.env.
const env = {
  LEX_ENV: "production",
  LEX_TASKS__WORKER__WORKER_COUNT: "4",
  LEX_TASKS__WORKER__SHUTDOWN_TIMEOUT: "1m30s",
  LEX_TASKS__BACKENDS__0__NAME: "mail",
  LEX_TASKS__BACKENDS__0__MAX_SIZE: "5000",
  LEX_TASKS__BACKENDS__1__NAME: "reports",
  LEX_TASKS__BACKENDS__1__CONSUME: "false",
};
const app = await Application.boot({ modules: [TasksModule.configure()], env });
const config = app.get(TaskConfig);
console.log(`${config.worker.workerCount} workers, stop within ${config.worker.shutdownTimeoutMs} ms`);
for (const { name, primary, consume, policy } of config.queues)
  console.log(
    `${name}: primary ${primary}, consumed ${consume}, at most ${policy?.maxSize ?? "any number of"} jobs`,
  );
for (const { field, severity } of config.validateForEnvironment()) console.log(`${severity}: ${field}`);
await app.close();

const wrong = { LEX_ENV: "production", LEX_TASKS__BACKEND__TYPE: "redis" };
await Application.boot({ modules: [TasksModule.configure()], env: wrong }).catch((error: Error) =>
  console.log(error.name, error.message),
);
