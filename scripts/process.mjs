// How the scripts run other programs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

export const root = fileURLToPath(new URL("..", import.meta.url));

const windows = process.platform === "win32";

const environment = {
  ...process.env,
  CI: process.env.CI ?? "true",
  DO_NOT_TRACK: "1",
  TURBO_TELEMETRY_DISABLED: "1",
};
// npm hands its own settings and the manifest's fields to scripts; a nested npx or pnpm would take them for the user's.
for (const name of Object.keys(environment))
  if (/^npm_(package|lifecycle|command|execpath|node_execpath)/.test(name)) delete environment[name];
// Some programs colour their output in continuous integration even when it goes to a log.
if (!process.stdout.isTTY) Object.assign(environment, { NO_COLOR: "1" });
// The repository's .npmrc silences npm for the sake of our output; a set-up that fails must still say why.
Object.assign(environment, { npm_config_loglevel: "error", npm_config_update_notifier: "false" });

/** A program from the root's dependencies. */
export const tool = (name) => join(root, "node_modules/.bin", windows ? `${name}.CMD` : name);

/** @type {Record<string, number | "inherit" | "pipe">} */
const targets = { inherit: "inherit", stderr: 2, pipe: "pipe" };

/**
 * Runs a program to its end. It never throws: a program that could not be started ends with code 127.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, stdout?: "inherit" | "stderr" | "pipe" }} options with "pipe",
 *   both streams are gathered in `output`
 * @returns {Promise<{ code: number, output: string }>}
 */
export async function run(command, args, { cwd = root, env = {}, stdout = "inherit" } = {}) {
  const out = targets[stdout];
  const child = spawn(command, args, {
    cwd,
    env: { ...environment, ...env },
    stdio: ["inherit", out, out === "pipe" ? "pipe" : "inherit"],
    shell: windows,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text) => (output += text));
  // A terminal signals the whole group, a supervisor this process alone. Either way nothing further is started.
  let stoppedBy;
  const forward = (signal) => {
    stoppedBy = signal;
    child.kill(signal);
  };
  const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of forwarded) process.on(signal, forward);
  try {
    const [code, signal] = await once(child, "close");
    return { code: code ?? 128 + constants.signals[signal], output: stripVTControlCharacters(output) };
  } catch (error) {
    return { code: 127, output: `${output}${command}: ${error.message}\n` };
  } finally {
    for (const signal of forwarded) process.off(signal, forward);
    if (stoppedBy) process.exit(128 + constants.signals[stoppedBy]);
  }
}
