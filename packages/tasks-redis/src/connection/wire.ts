// Commands as Redis reads them. Texts are written as UTF-8, so lengths are counted in bytes.
import type { ScriptArgument } from "./redis-connection.ts";
import type { RedisScript } from "./redis-script.ts";

/** One argument of a command. */
function bulk(value: ScriptArgument): string {
  const text = typeof value === "string" ? value : String(value);
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

export function frame(...words: readonly ScriptArgument[]): string {
  let text = `*${words.length}\r\n`;
  for (const word of words) text += bulk(word);
  return text;
}

/** Applies nothing, and is answered: what goes out in place of a call that must not be written again. */
export const PING_FRAME = frame("PING");

const byHash = new WeakMap<RedisScript, string>();
// The keys of a queue are the same at every call; only what cannot change is remembered.
const frozenKeys = new WeakMap<readonly string[], string>();

function hashWords(script: RedisScript): string {
  let words = byHash.get(script);
  if (words === undefined) byHash.set(script, (words = bulk("EVALSHA") + bulk(script.sha)));
  return words;
}

function keyWords(keys: readonly string[]): string {
  let words = frozenKeys.get(keys);
  if (words !== undefined) return words;
  words = bulk(keys.length);
  for (const key of keys) words += bulk(key);
  if (Object.isFrozen(keys)) frozenKeys.set(keys, words);
  return words;
}

/** @param known whether the server is taken to know the script; else it is sent along, and known from then on. */
export function scriptFrame(
  script: RedisScript,
  keys: readonly string[],
  args: readonly ScriptArgument[],
  known: boolean,
): string {
  let text = `*${3 + keys.length + args.length}\r\n`;
  text += known ? hashWords(script) : bulk("EVAL") + bulk(script.source);
  text += keyWords(keys);
  for (const arg of args) text += bulk(arg);
  return text;
}

/** What a script answered, with its texts as texts. Changes the arrays in place: nobody else holds them. */
export function decoded(reply: unknown): unknown {
  if (reply instanceof Buffer) return reply.toString();
  if (Array.isArray(reply))
    for (let i = 0; i < reply.length; i++) {
      const item: unknown = reply[i];
      if (typeof item === "object" && item !== null) reply[i] = decoded(item);
    }
  return reply;
}
