import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Sends one command to a Redis server on this machine, over a connection of its own.
 *
 * @returns the reply's lines, as redis-cli prints them to a program.
 * @throws Error when the server cannot be reached or refuses.
 */
export async function redisCommand(port: number, ...command: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run("redis-cli", ["-e", "-h", "127.0.0.1", "-p", String(port), ...command]);
  return stdout.trimEnd().split("\n");
}
