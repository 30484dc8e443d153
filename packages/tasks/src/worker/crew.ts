import type { WorkerJobStats } from "../observability/worker-job-stats.ts";

/** One worker: a number of slots under one id. */
export class CrewMember {
  readonly id: string;
  readonly slots: number;
  readonly stats: WorkerJobStats;
  running = 0;
  /** Set when it was removed and only finishes what it runs. */
  leaving = false;
  /** Called when a leaving worker runs nothing any more. */
  onGone: (() => void) | undefined;

  constructor(id: string, slots: number, stats: WorkerJobStats) {
    this.id = id;
    this.slots = slots;
    this.stats = stats;
  }
}

/**
 * The workers of one process and their slots. Free slots are handed out in turn, so work spreads over the workers;
 * the number of slots taken never exceeds what they have.
 */
export class Crew {
  readonly #members: CrewMember[] = [];
  #ring: CrewMember[] = [];
  #head = 0;
  #free = 0;
  #reserved = 0;
  #slots = 0;
  #running = 0;

  /** Slots of workers that are not leaving. */
  get slots(): number {
    return this.#slots;
  }

  /** Slots that run nothing. */
  get free(): number {
    return this.#free;
  }

  /** Slots that run something, those of leaving workers included. */
  get running(): number {
    return this.#running;
  }

  /** Free slots that nobody has spoken for. */
  get available(): number {
    return this.#free - this.#reserved;
  }

  /** Speaks for free slots while a claim for them is under way. */
  reserve(count: number): void {
    this.#reserved += count;
  }

  unreserve(count: number): void {
    this.#reserved -= count;
  }

  get members(): readonly CrewMember[] {
    return this.#members;
  }

  add(member: CrewMember): void {
    this.#members.push(member);
    this.#deal();
  }

  /** Takes the newest worker out; its running attempts go on. */
  remove(): CrewMember | undefined {
    const member = this.#members.pop();
    if (member === undefined) return undefined;
    member.leaving = true;
    this.#deal();
    return member;
  }

  /** Takes a free slot; there must be one. */
  take(): CrewMember {
    const member = this.#ring[this.#head]!;
    this.#head = this.#head + 1 === this.#ring.length ? 0 : this.#head + 1;
    this.#free--;
    this.#running++;
    member.running++;
    return member;
  }

  /** Gives a slot back. */
  release(member: CrewMember): void {
    member.running--;
    this.#running--;
    if (member.leaving) {
      if (member.running === 0) member.onGone?.();
      return;
    }
    let tail = this.#head + this.#free;
    if (tail >= this.#ring.length) tail -= this.#ring.length;
    this.#ring[tail] = member;
    this.#free++;
  }

  /** Lays the free slots out anew, one of each worker in turn. */
  #deal(): void {
    this.#slots = this.#members.reduce((sum, member) => sum + member.slots, 0);
    const ring: CrewMember[] = [];
    const most = this.#members.reduce((max, member) => Math.max(max, member.slots), 0);
    for (let slot = 0; slot < most; slot++)
      for (const member of this.#members) if (slot < member.slots - member.running) ring.push(member);
    this.#free = ring.length;
    this.#head = 0;
    const [filler] = this.#members;
    while (filler !== undefined && ring.length < this.#slots) ring.push(filler);
    this.#ring = ring;
  }
}
