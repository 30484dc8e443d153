import { type Fate, fateOf, isReply, shownError, unavailable } from "./refusals.ts";
import type { ScriptArgument } from "./redis-connection.ts";
import type { RedisScript } from "./redis-script.ts";
import { decoded, frame, PING_FRAME, scriptFrame } from "./wire.ts";

const NO_ARGUMENTS: readonly never[] = [];

/** What calls tell the link that carries them. */
export interface CallOwner {
  readonly flight: Flight;
  /** Sends a call again that the server has refused because it does not know the script. */
  resend(call: Call): void;
  /** The server answered that it is no longer the one to ask. */
  leave(error: Error): void;
  slotOf(keys: readonly string[]): number | undefined;
}

/**
 * One call, in the shape in which the client library takes commands. It is made for one purpose, so it does
 * what the library's own command does at half the cost, and knows two things more: whether it went to a socket, and
 * that it must not go there a second time unless the server has refused it.
 */
export abstract class Call {
  readonly promise: Promise<unknown>;
  /** Whether it was handed to a socket, and not refused since. */
  written = false;
  /** Where it was written last. */
  socket: unknown;
  // Its place in the list of calls in flight, which is in the order of their deadlines.
  tick = 0;
  before: Call | undefined;
  after: Call | undefined;

  readonly subject: string;
  readonly isReadOnly: boolean;
  readonly #owner: CallOwner;
  readonly #keys: readonly string[];
  #settled = false;
  #fulfill!: (reply: unknown) => void;
  #fail!: (error: Error) => void;
  #route: ((error: Error) => void) | undefined;

  /** @param keys lead to the node of a cluster that it is for. */
  constructor(owner: CallOwner, keys: readonly string[], subject: string, readOnly: boolean) {
    this.#owner = owner;
    this.#keys = keys;
    this.subject = subject;
    this.isReadOnly = readOnly;
    this.promise = new Promise((resolve, reject) => {
      this.#fulfill = resolve;
      this.#fail = reject;
    });
    owner.flight.add(this);
  }

  // What the library reads of a command. The name serves its tables of flags alone; the arguments stay unseen, so that
  // they end up in no error and in no trace.
  get name(): string {
    return "evalsha";
  }
  get args(): readonly never[] {
    return NO_ARGUMENTS;
  }
  get inTransaction(): boolean {
    return false;
  }
  get isTraced(): boolean {
    return true;
  }
  get pipelineIndex(): undefined {
    return undefined;
  }
  get isSettled(): boolean {
    return this.#settled;
  }
  setReplyContext(): void {}
  getKeys(): readonly string[] {
    return this.#keys;
  }
  getSlot(): number | undefined {
    return this.#owner.slotOf(this.#keys);
  }

  /** A library that sends again what was under way when its link broke finds a PING here. */
  toWritable(socket: unknown): string {
    if (this.written && !this.#settled) this.lose(new Error("the link broke before the server answered"));
    if (this.#settled) return PING_FRAME;
    this.written = true;
    this.socket = socket;
    return this.frame();
  }

  /** What is written. */
  protected abstract frame(): string;

  /** @returns whether the call was changed so that the server will not refuse it for this again. */
  protected amend(_refusal: Error): boolean {
    return false;
  }

  resolve(reply: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#owner.flight.answered(this);
    this.#fulfill(decoded(reply));
  }

  /**
   * A cluster client puts a function of its own in this place, which follows redirections; it takes the one that it
   * finds along, for what it gives up on.
   */
  get reject(): (this: Call, error: Error) => void {
    return this.#route === undefined ? refuse : redirect;
  }
  set reject(route: (error: Error) => void) {
    this.#route = route;
  }

  /** As a cluster client's call ends: it may be worth another node. */
  redirect(error: Error): void {
    if (isReply(error)) this.written = false;
    // It may have been applied: what a cluster client would send to another node must stay here.
    if (this.written) this.refuse(error);
    else this.#route?.(error);
  }

  /** Ends the call with what the server, or the client about its link, said. */
  refuse(error: Error): void {
    if (this.#settled) return;
    const reply = isReply(error);
    if (reply && this.amend(error)) {
      this.written = false;
      this.#owner.resend(this);
      return;
    }
    const fate = fateOf(error, this.written);
    if (fate === undefined) this.#end(shownError(error));
    else this.#end(unavailable(this.subject, fate, error));
    if (reply) this.#owner.flight.heard++;
    if (fate?.leave === true) this.#owner.leave(error);
  }

  /** Ends the call because the link is gone, or did not answer in time. */
  lose(cause: unknown): void {
    if (this.#settled) return;
    const fate: Pick<Fate, "accepted" | "retryable"> = {
      accepted: this.written ? "unknown" : "no",
      retryable: true,
    };
    this.#end(unavailable(this.subject, fate, cause));
  }

  #end(error: Error): void {
    this.#settled = true;
    this.#owner.flight.remove(this);
    this.#fail(error);
  }
}

function refuse(this: Call, error: Error): void {
  this.refuse(error);
}

function redirect(this: Call, error: Error): void {
  this.redirect(error);
}

/** Runs a script by its hash, and brings it along when the server does not know it. */
export class ScriptCall extends Call {
  readonly #script: RedisScript;
  readonly #keys: readonly string[];
  readonly #args: readonly ScriptArgument[];
  #known = true;

  constructor(
    owner: CallOwner,
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    subject: string,
    readOnly: boolean,
  ) {
    super(owner, keys, subject, readOnly);
    this.#script = script;
    this.#keys = keys;
    this.#args = args;
  }

  protected frame(): string {
    return scriptFrame(this.#script, this.#keys, this.#args, this.#known);
  }

  /** Whether it went out a second time, because the server did not know the script. */
  get repeated(): boolean {
    return !this.#known;
  }

  protected override amend(refusal: Error): boolean {
    if (!this.#known || !refusal.message.startsWith("NOSCRIPT")) return false;
    this.#known = false;
    return true;
  }
}

/** Asks how many replicas hold what was written on the same socket before it. */
export class WaitCall extends Call {
  readonly #replicas: number;
  readonly #timeoutMs: number;

  constructor(
    owner: CallOwner,
    keys: readonly string[],
    subject: string,
    replicas: number,
    timeoutMs: number,
  ) {
    super(owner, keys, subject, false);
    this.#replicas = replicas;
    this.#timeoutMs = timeoutMs;
  }

  protected frame(): string {
    return frame("WAIT", this.#replicas, this.#timeoutMs);
  }
}

/** The calls under way on a link, oldest first, and how often the link was heard. */
export class Flight {
  /** Counts replies; a link that is heard needs no probe. */
  heard = 0;
  /** Set by the link's pulse. */
  tick = 0;
  #first: Call | undefined;
  #last: Call | undefined;

  #onEmpty: (() => void) | undefined;

  /** Resolves when nothing is under way. */
  async drained(): Promise<void> {
    while (this.#first !== undefined)
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
  }

  add(call: Call): void {
    call.tick = this.tick;
    call.before = this.#last;
    if (this.#last === undefined) this.#first = call;
    else this.#last.after = call;
    this.#last = call;
  }

  remove(call: Call): void {
    if (call.before === undefined) {
      if (this.#first !== call) return;
      this.#first = call.after;
    } else call.before.after = call.after;
    if (call.after === undefined) this.#last = call.before;
    else call.after.before = call.before;
    call.before = call.after = undefined;
    if (this.#onEmpty !== undefined && this.#first === undefined) {
      this.#onEmpty();
      this.#onEmpty = undefined;
    }
  }

  answered(call: Call): void {
    this.heard++;
    this.remove(call);
  }

  /** Ends what began more than `ticks` ago. @returns whether there was any. */
  expire(ticks: number, cause: (call: Call) => Error): boolean {
    let any = false;
    for (let call = this.#first; call !== undefined && this.tick - call.tick > ticks; call = this.#first) {
      any = true;
      call.lose(cause(call));
    }
    return any;
  }

  /** Ends everything. */
  loseAll(cause: unknown): void {
    for (let call = this.#first; call !== undefined; call = this.#first) call.lose(cause);
  }
}
