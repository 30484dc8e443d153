import { aJob } from "@lexigram/conformance";
import { expect, test } from "vitest";
import { workedQueue } from "./worked-queue.ts";

test("a queue that is full says so of each job of a long call, and never that it may be there", async () => {
  const { queue } = await workedQueue({});
  await queue.setPolicy({ maxSize: 5 });
  for (let call = 0; call < 4; call++) {
    const jobs = Array.from({ length: 1_500 }, () => aJob());
    const results = await queue.enqueueMany(jobs, { session: "full", seq: call + 1 });
    const codes = new Set(results.map((result) => (result.ok ? "stored" : result.error.code)));
    expect([...codes].toSorted()).toEqual(
      call === 0 ? ["LEX_ERR_TASK_QUEUE_FULL", "stored"] : ["LEX_ERR_TASK_QUEUE_FULL"],
    );
  }
});
