import { type JobView, TaskConfigError, TaskValidationError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import type { JobDescription } from "../../src/define/task-signature.ts";
import { JobTemplate, type JobTemplateFields } from "../../src/job/job-template.ts";

const stored = (body: object, fields: Partial<JobView> = {}): JobView => ({
  id: "old",
  task: "email.send",
  body: { data: JSON.stringify(body), encoding: "json" },
  headers: {},
  priority: 10,
  createdAt: 0,
  status: "failed",
  attempt: 3,
  recoveries: 0,
  deferrals: 0,
  maxRecoveries: 3,
  redrives: 0,
  ...fields,
});

describe("JobTemplate", () => {
  test("makes jobs that differ in nothing but their id", () => {
    const template = new JobTemplate({
      name: "email.send",
      input: { to: "a@b" },
      priority: 20,
      maxRetries: 0,
      timeout: "30s",
      dependsOn: ["a"],
    });
    const options = { priority: 20, maxRetries: 0, timeout: "30s", dependsOn: ["a"] };
    expect(template.createJob()).toEqual({ task: "email.send", input: { to: "a@b" }, options });
    const job: JobDescription = template.createJob("j1");
    expect(job).toEqual({ task: "email.send", input: { to: "a@b" }, options: { id: "j1", ...options } });
  });

  test("leaves to the task what it does not say", () => {
    expect(new JobTemplate({ name: "t" }).createJob()).toEqual({ task: "t", options: {} });
    expect(new JobTemplate({ name: "t", input: 0, timeout: null }).createJob()).toEqual({
      task: "t",
      input: 0,
      options: { timeout: null },
    });
  });

  test("shares no list with who made it or with its jobs", () => {
    const dependsOn = ["a"];
    const template = new JobTemplate({ name: "t", dependsOn });
    dependsOn.push("b");
    (template.createJob().options.dependsOn as string[]).push("c");
    expect(template.dependsOn).toEqual(["a"]);
    expect(template.createJob().options.dependsOn).toEqual(["a"]);
  });

  test("carries arguments by position and name in one input", () => {
    const template = new JobTemplate({ name: "t", args: [1, 2], kwargs: { x: 3 } });
    expect(template.createJob().input).toEqual({ args: [1, 2], kwargs: { x: 3 } });
    expect(new JobTemplate({ name: "t", args: [1] }).input).toEqual({ args: [1], kwargs: {} });
  });

  test("is made of a stored job: its task, input and own policy", () => {
    const job = stored(
      { v: 1, input: { to: "a@b" }, policy: { maxRetries: 7, timeoutMs: null } },
      { dependsOn: ["a"] },
    );
    expect(JobTemplate.fromJob(job).createJob()).toEqual({
      task: "email.send",
      input: { to: "a@b" },
      options: { priority: 10, maxRetries: 7, timeout: null, dependsOn: ["a"] },
    });
    const wire = JobTemplate.fromJob(stored({ v: 1, args: [1], kwargs: { x: 2 } }));
    expect(wire.createJob()).toEqual({
      task: "email.send",
      input: { args: [1], kwargs: { x: 2 } },
      options: { priority: 10 },
    });
  });

  test("reads another encoding with the decoder that it is given", () => {
    const job = stored({}, { body: { data: new Uint8Array([1]), encoding: "own" } });
    expect(() => JobTemplate.fromJob(job)).toThrow(TaskValidationError);
    expect(JobTemplate.fromJob(job, { decode: (body) => ({ v: 1, input: body.encoding }) }).input).toBe(
      "own",
    );
  });

  test("refuses no name, input beside arguments, and unknown fields", () => {
    expect(() => new JobTemplate({ name: "" })).toThrow(TaskValidationError);
    expect(() => new JobTemplate({ name: "t", input: 1, args: [] })).toThrow(/args/);
    expect(() => new JobTemplate({ name: "t", maxRetrys: 1 } as JobTemplateFields)).toThrow(TaskConfigError);
    expect(() => JobTemplate.fromJob(stored({}), { decoder: 1 } as object)).toThrow(TaskConfigError);
  });
});
