// A vitest reporter that leaves its counts in the file LEX_TALLY_FILE, for the script that adds everything up.
import { writeFileSync } from "node:fs";

export default class Tally {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const failures = [];
    const fail = (name) => {
      counts.failed++;
      failures.push(name);
    };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "failed") fail(`${module.relativeModuleId} > ${test.fullName}`);
        else counts[state === "passed" ? "passed" : "skipped"]++;
      }
      // A file or suite that breaks outside its tests fails none of them.
      for (const suite of [module, ...module.children.allSuites()])
        if (suite.errors().length > 0) fail(`${module.relativeModuleId} > outside its tests`);
    }
    for (const error of unhandledErrors) fail(`unhandled: ${error.message}`);
    const file = process.env.LEX_TALLY_FILE;
    if (file) writeFileSync(file, JSON.stringify({ ...counts, failures }));
  }
}
