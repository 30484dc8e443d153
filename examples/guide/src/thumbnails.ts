import {
  branch,
  chain,
  chord,
  each,
  step,
  type StepFailure,
  task,
  TaskWorkflows,
  type,
} from "@lexigram/tasks";
import { createTestApp } from "@lexigram/tasks/testing";

const list = task({ name: "album.list", input: type<{ album: string }>() }, ({ album }) =>
  ["cat", "dog", "owl"].map((picture) => `${album}/${picture}`),
);
const shrink = task({ name: "picture.shrink", input: type<string>(), maxRetries: 0 }, (path) => {
  if (path.endsWith("dog")) throw new Error("it does not hold still");
  return `${path}.small`;
});
const placeholder = task(
  { name: "picture.placeholder", input: type<StepFailure<string>>() },
  ({ input, error }) => `${input}.blank (${error.message})`,
);
const isWorthIt = task({ name: "album.is-worth-it", input: type<string[]>() }, (paths) => paths.length > 1);
const publish = task({ name: "album.publish", input: type<string[]>() }, (paths) => paths.join(", "));
const drop = task({ name: "album.drop", input: type<string[]>() }, (paths) => `dropped ${paths.length}`);

const thumbnails = chain(
  step.task(list),
  chord(
    each(step.task(shrink, { onError: placeholder, timeout: "30s" })),
    branch(step.task(isWorthIt), step.task(publish), step.task(drop)),
    { name: "pictures", maxConcurrency: 2, onPartial: "call" },
  ),
  { name: "thumbnails", stopOnError: false },
);

// Anywhere else Application.boot, with workers in as many processes as there are.
const test = await createTestApp({ tasks: [list, shrink, placeholder, isWorthIt, publish, drop] });
const workflows = test.app.get(TaskWorkflows);
const run = await workflows.start(thumbnails, { album: "zoo" }, { workflowId: "zoo-1" });
console.log((await workflows.listActive()).map(({ workflowId, status }) => `${workflowId} ${status}`));

await test.drain();
const { status, steps } = await run.result({ timeout: "10s" });
console.log(status, await run.progress());
for (const { stepName, success, data, error } of steps)
  console.log(stepName, success, data ?? error?.message);

const other = await workflows.start(thumbnails, { album: "farm" }, { workflowId: "farm-1" });
console.log(await other.cancel(), await other.status());
await test.drain();
await test.stop();
