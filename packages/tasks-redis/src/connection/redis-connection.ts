import type { LinkState } from "./link.ts";
import type { RedisScript } from "./redis-script.ts";
import type { ServerReport } from "./server-check.ts";

export type ScriptArgument = string | number;

export interface RunOptions {
  /** Whom the call is for, in errors: the queue's name, or `state`. */
  readonly subject: string;
  /**
   * Resolve only when as many replicas have it as the connection's `waitReplicas` says. Default false. Such a script
   * writes something at every run, also when it answers a resend from what it remembers: the server counts the
   * replicas from what the socket wrote last, and on a fresh socket that is nothing.
   */
  readonly durable?: boolean;
}

/** Hears the messages of one channel. */
export interface ChannelListener {
  readonly message: (text: string) => void;
  /** Called when the link is there again after it was lost: messages may have been missed. */
  readonly resumed?: () => void;
}

/**
 * One server, or one cluster, as queues and state stores see it. Owners of one URL share it. All methods may be called
 * concurrently.
 */
export interface RedisConnection {
  /**
   * Runs a script as one atomic step. Texts come back as texts. While there is no link it waits a second at most.
   * Nothing is ever sent twice: a resend is the caller's.
   *
   * @param keys all of one slot; when the same array serves many calls, freeze it: what goes out is then made once.
   * @throws QueueUnavailableError when the server cannot be reached or does not answer in time; `accepted` is `"no"`
   *   when it cannot have applied the call, `retryable` is false when asking again cannot help, as with a wrong
   *   password. TaskConfigError when the server is too old. ClosedError after `close`. An error that the script itself
   *   raised is thrown as it is.
   */
  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown>;
  /** As `run`, for a script that writes nothing; a replica may answer when the connection is told to read from replicas. */
  read(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown>;
  /**
   * Hears a channel. Resolves when the server has confirmed it; a lost link is subscribed anew by itself.
   *
   * @returns what ends it; other listeners of the channel stay.
   * @throws QueueUnavailableError when the server cannot be reached.
   */
  subscribe(channel: string, listener: ChannelListener, subject: string): Promise<() => void>;
}

/** What a connection says of itself. Holds no secrets. */
export interface ConnectionHealth {
  /** Of a PING on the link that carries the calls; absent when it was not answered. */
  readonly latencyMs?: number;
  /** Each role's link: `commands`, and those that were needed besides. */
  readonly links: Readonly<Record<string, LinkState>>;
  /** Each server that jobs may be stored on, as it answered when the link was made. */
  readonly servers: readonly ServerReport[];
  /** Why a link is not ready. */
  readonly error?: Error;
}

/** One owner's hold on a connection that others may share. */
export interface SharedRedisConnection extends RedisConnection {
  /** Never rejects. Connects, if nothing has yet. */
  health(): Promise<ConnectionHealth>;
  /**
   * Lets go of the connection; the last owner's call ends what was opened, after what is under way has ended. Later
   * calls reject with `ClosedError`. Idempotent.
   */
  close(): Promise<void>;
}
