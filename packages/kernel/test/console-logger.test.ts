import { Logger, silentLogger } from "@lexigram/contracts";
import { afterEach, expect, test, vi } from "vitest";
import { consoleLogger, type ConsoleLoggerOptions } from "../src/index.ts";
import { boot } from "./fixtures/boot.ts";
import { FakeClock } from "./fixtures/fake-clock.ts";

afterEach(() => vi.restoreAllMocks());

const setup = (options: ConsoleLoggerOptions = {}) => {
  const lines: string[] = [];
  const clock = new FakeClock();
  return { lines, clock, logger: consoleLogger({ clock, write: (line) => lines.push(line), ...options }) };
};

test("writes one JSON object a line", () => {
  const { logger, lines, clock } = setup();
  logger.info("ready", { port: 80, nested: { a: [1n] } });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { time: clock.now(), level: "info", message: "ready", port: 80, nested: { a: ["1"] } },
  ]);
});

test("writes text for people", () => {
  const { logger, lines } = setup({ format: "pretty" });
  logger.warn("slow", { ms: 12, name: "x", more: { a: 1 } });
  expect(lines).toEqual(['22:13:20.000 WARN  slow ms=12 name=x more={"a":1}']);
});

test("gives stacks lines of their own in text for people, below what is said of the error", () => {
  const { logger, lines } = setup({ format: "pretty" });
  const error = new TypeError("no luck", { cause: new Error("no network") });
  error.stack = "TypeError: no luck\n    at here.js:1";
  (error.cause as Error).stack = "Error: no network\n    at there.js:2";
  logger.error("job failed", { error, job: 7, list: [{ stack: "of plates" }] });
  expect(lines.join("").split("\n")).toEqual([
    '22:13:20.000 ERROR job failed error={"name":"TypeError","message":"no luck","cause":{"name":"Error","message":"no network"}} job=7 list=[{"stack":"of plates"}]',
    "    TypeError: no luck",
    "        at here.js:1",
    "    caused by Error: no network",
    "        at there.js:2",
  ]);
});

test.each([
  ["debug", 4],
  ["info", 3],
  ["warn", 2],
  ["error", 1],
  ["silent", 0],
] as const)("level %s writes %i of four", (level, count) => {
  const { logger, lines } = setup({ level });
  for (const method of ["debug", "info", "warn", "error"] as const) logger[method]("x");
  expect(lines).toHaveLength(count);
});

test("hides secrets by name and inside texts, in errors as well", () => {
  const { logger, lines } = setup();
  logger.error("cannot reach redis://u:hunter2@h", {
    password: "hunter2",
    config: { apiKey: "hunter2", list: [{ secret: "hunter2" }] },
    map: new Map([["token", "hunter2"]]),
    error: new Error("amqp://u:hunter2@h refused"),
  });
  expect(lines[0]).not.toContain("hunter2");
  expect(lines[0]).toContain("amqp://***@h refused");
});

test("never throws: circles, hostile objects, a broken writer", () => {
  const { logger, lines } = setup();
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  logger.info("circle", { circle });
  expect(lines[0]).toContain("[circular]");
  const hostile = Object.defineProperty({}, "x", {
    enumerable: true,
    get: () => {
      throw new Error("no");
    },
  });
  logger.info("hostile", { hostile });
  const broken = consoleLogger({
    write: () => {
      throw new Error("EPIPE");
    },
  });
  broken.error("lost");
});

test("writes to standard error, so that standard output stays the program's own", () => {
  const log = vi.spyOn(console, "log").mockReturnValue();
  const error = vi.spyOn(console, "error").mockReturnValue();
  const logger = consoleLogger({ level: "debug" });
  for (const method of ["debug", "info", "warn", "error"] as const) logger[method]("x");
  expect([log.mock.calls.length, error.mock.calls.length]).toEqual([0, 4]);
});

test("shows who asks that a level is not written", () => {
  const logger = consoleLogger({ level: "warn", write: () => {} });
  const levels = ["debug", "info", "warn", "error"] as const;
  expect(levels.filter((level) => logger[level] === silentLogger[level])).toEqual(["debug", "info"]);
});

test("an application logs as its configuration says", async () => {
  const error = vi.spyOn(console, "error").mockReturnValue();
  const loud = {
    configFile: false,
    env: { LEX_LOGGING__LEVEL: "debug", LEX_LOGGING__FORMAT: "json" },
  } as const;
  const { Application } = await import("../src/index.ts");
  await using app = await Application.boot(loud);
  app.get(Logger).debug("seen");
  expect(
    error.mock.calls.flat().map((line) => (JSON.parse(String(line)) as { message: string }).message),
  ).toEqual(["application started", "seen"]);
  await expect(boot({ env: { LEX_LOGGING__LEVEL: "loud" } })).rejects.toThrow(/logging\.level/);
});
