import type { Logger, LogLevel } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { atLevel } from "../../src/config/log-level.ts";

describe("a log level", () => {
  test.each<[LogLevel | undefined, string[]]>([
    [undefined, ["debug", "info", "warn", "error"]],
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
    ["silent", []],
  ])("%s lets through %j", (level, expected) => {
    const told: string[] = [];
    const logger: Logger = {
      debug: (message) => told.push(message),
      info: (message) => told.push(message),
      warn: (message) => told.push(message),
      error: (message) => told.push(message),
    };
    const quiet = atLevel(logger, level);
    for (const name of ["debug", "info", "warn", "error"] as const) quiet[name](name);
    expect(told).toEqual(expected);
  });
});
