import type {
  ChannelListener,
  RedisConnection,
  ScriptArgument,
} from "../../src/connection/redis-connection.ts";
import type { RedisScript } from "../../src/connection/redis-script.ts";

interface Call {
  readonly script: string;
  readonly args: readonly ScriptArgument[];
}

/** A connection that answers what a test says, and remembers what it was asked. */
export class ScriptedConnection implements RedisConnection {
  readonly calls: Call[] = [];
  readonly channels = new Map<string, Set<ChannelListener>>();
  /** What the layout script answers. */
  layout: readonly string[] | undefined;
  /** Awaited before a subscription is confirmed. */
  confirmed: Promise<unknown> = Promise.resolve();

  async run(
    script: RedisScript,
    _keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    this.calls.push({ script: script.name, args });
    if (script.name === "state-layout") return this.layout ?? args.map(String);
    return script.name === "state-list" ? [0, "", 0, []] : null;
  }

  read(script: RedisScript, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    return this.run(script, keys, args);
  }

  async subscribe(channel: string, listener: ChannelListener): Promise<() => void> {
    await this.confirmed;
    const listeners = this.channels.get(channel) ?? new Set();
    this.channels.set(channel, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.channels.delete(channel);
    };
  }

  say(channel: string, text: string): void {
    for (const listener of this.channels.get(channel) ?? []) listener.message(text);
  }

  asked(script: string): number {
    return this.calls.filter((call) => call.script === script).length;
  }
}
