// The floors of the house as data; overrides.mjs turns them into lint rules. Every rule named here has a planted
// violation under plants/ that must turn it red.

/** Modules that any file may import whatever floor it stands on. */
export const everywhere = ["./**", "../**", "node:*", "node:*/**"];

/**
 * Every import points down, and neighbours meet on the ground floor. `only` is all that the sources of a package may
 * import besides their own files and Node; where it is absent, `lexigram` says which of our packages they may see.
 */
export const floors = [
  {
    rule: "contracts-import-nothing",
    packages: "contracts",
    only: [],
    why: "What every package agrees on must not bring anything along.",
  },
  {
    rule: "kernel-sits-on-contracts",
    packages: "kernel",
    lexigram: ["contracts"],
    why: "The kernel knows nothing of jobs.",
  },
  {
    rule: "conformance-sits-on-contracts",
    packages: "conformance",
    only: ["@lexigram/contracts", "fast-check"],
    why: "The kit judges other people's backends too; they bring no tasks.",
  },
  {
    rule: "tasks-sits-on-kernel",
    packages: "tasks",
    lexigram: ["contracts", "kernel"],
    why: "The application introduces tasks to a backend, and conformance is for tests.",
  },
  {
    rule: "backends-sit-on-contracts",
    packages: "tasks-*",
    only: ["@lexigram/contracts"],
    why: "A backend is a stranger to tasks, to the kernel and to its neighbours.",
  },
  {
    rule: "backends-sit-on-contracts",
    packages: "tasks-redis",
    only: ["@lexigram/contracts", "ioredis"],
    why: "A backend imports contracts and its client.",
  },
  {
    rule: "backends-sit-on-contracts",
    packages: "tasks-rabbitmq",
    only: ["@lexigram/contracts", "amqplib"],
    why: "A backend imports contracts and its client.",
  },
  {
    rule: "backends-sit-on-contracts",
    packages: "tasks-postgres",
    only: ["@lexigram/contracts", "pg"],
    why: "A backend imports contracts and its client.",
  },
];

/** Replacing a library is a change of these files alone, and pain caused by it has one address. */
export const windows = [
  {
    module: "tsyringe",
    files: ["packages/kernel/src/container.ts", "packages/kernel/src/decorators.ts"],
  },
  {
    module: "ioredis",
    files: ["packages/tasks-redis/src/connection/ioredis-clients.ts"],
    typesAnywhere: true,
  },
  {
    module: "amqplib",
    files: ["packages/tasks-rabbitmq/src/connection/amqp-clients.ts"],
    typesAnywhere: true,
  },
  { module: "pg", files: ["packages/tasks-postgres/src/connection/pg-clients.ts"], typesAnywhere: true },
  { module: "cron-parser", files: ["packages/tasks/src/schedule/cron-rule.ts"] },
];

/**
 * The rooms of packages/tasks, by folder. `sees`: the other rooms it may import (absent: any); `packages`: the
 * packages it may import (absent: what the floor allows); `seenBy`: the only files outside that may import it (absent:
 * any). A new arrow between rooms is a new line here.
 *
 * @type {Record<string, { sees?: string[], packages?: string[], seenBy?: string[] }>}
 */
export const taskRooms = {
  // The reference backend gets no privileges: it knows what any backend knows, and only those see it who choose one.
  memory: {
    sees: [],
    packages: ["@lexigram/contracts"],
    seenBy: [
      "tasks-provider.ts",
      "tasks-module.ts",
      "index.ts",
      "testing.ts",
      "testing/**",
      "dispatch/backend-registry.ts",
      "breaker/circuit-breakers.ts",
      "limit/rate-limiters.ts",
      "schedule/in-memory-scheduler-store.ts",
      "workflow/in-memory-workflow-state-store.ts",
    ],
  },
};

const clock = "[time-is-injected] Take an injected Clock.";
const random = "[chance-is-injected] Take an injected Random.";
const logger = "[output-is-injected] Take an injected Logger.";

/** Globals that no source of a package uses, and what it takes instead. */
export const bannedGlobals = {
  Date: clock,
  performance: clock,
  setTimeout: clock,
  setInterval: clock,
  setImmediate: "[time-is-injected] Yields to I/O; a file whose loop needs that is named in openings.",
  console: logger,
};

/** The same by another door. */
export const bannedModules = {
  "node:timers": clock,
  "node:timers/promises": clock,
  "node:perf_hooks": clock,
  "node:console": logger,
};

/** @type {[object: string, property: string, message: string][]} */
export const bannedProperties = [
  ["Math", "random", random],
  ["process", "hrtime", clock],
  ["AbortSignal", "timeout", clock],
];

const signal = "[tests-never-sleep] Wait for a signal, or move the test's clock.";

/** What no test uses. */
export const sleeps = {
  globals: { setTimeout: signal, setInterval: signal },
  modules: { "node:timers": signal, "node:timers/promises": signal },
};

/** The only files that may touch a banned global or property, and why. */
export const openings = [
  // The system clock is what everybody else injects.
  { file: "packages/contracts/src/clock.ts", globals: ["Date", "performance", "setTimeout"] },
  // The system's randomness is what everybody else injects.
  { file: "packages/contracts/src/random.ts", properties: ["Math.random"] },
  // The clock that tests move starts at a date, and lets the loop turn between two of its timers.
  { file: "packages/conformance/src/clock/idle-clock.ts", globals: ["setImmediate"] },
  { file: "packages/conformance/src/clock/manual-clock.ts", globals: ["Date", "setImmediate"] },
  // The logger of an application that brings none.
  { file: "packages/kernel/src/console-logger.ts", globals: ["console"] },
  // Tells a Date in a payload from other objects.
  { file: "packages/tasks/src/job/payload-data.ts", globals: ["Date"] },
  // Turns counted instants into those that the API shows, and back.
  { file: "packages/tasks/src/schedule/instant.ts", globals: ["Date"] },
  // Threads have origins of their own for every other clock that does not jump.
  { file: "packages/tasks/src/keeper/shared-time.ts", properties: ["process.hrtime"] },
  // The one place where the memory queue gives way to I/O.
  { file: "packages/tasks/src/memory/enqueue-turns.ts", globals: ["setImmediate"] },
  // The one place where the worker does.
  { file: "packages/tasks/src/worker/loop-turn.ts", globals: ["setImmediate"] },
  // The one place where the RabbitMQ backend does, so that a server works while messages are written.
  { file: "packages/tasks-rabbitmq/src/queue/publish-turn.ts", globals: ["setImmediate"] },
  // A test's clock that stands still lets the loop turn, and a test sees when the application is at rest.
  { file: "packages/tasks/src/testing/event-loop-turn.ts", globals: ["setImmediate"] },
];
