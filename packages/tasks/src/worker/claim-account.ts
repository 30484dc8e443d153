import type { ClaimGate } from "../limit/claim-gate.ts";
import type { Crew, CrewMember } from "./crew.ts";

/**
 * What one queue has of the crew's slots: taken by attempts, spoken for by claims under way, granted to the next
 * claim. Together never more than the queue may use in this process.
 */
export class ClaimAccount {
  readonly #crew: Crew;
  readonly #limit: number;
  /** What else must let a claim go out. */
  readonly #gate: ClaimGate | undefined;
  /** Whether nothing is to begin for a while. */
  paused = false;
  #running = 0;
  #granted = 0;
  #claiming = 0;
  #claimingAhead = 0;

  /** @param limit attempts at once in this process; `Infinity`: as many as there are slots. */
  constructor(crew: Crew, limit: number, gate?: ClaimGate) {
    this.#crew = crew;
    this.#gate = gate;
    this.#limit = limit;
  }

  get running(): number {
    return this.#running;
  }

  /** Slots that the next claim may ask for. */
  get granted(): number {
    return this.#granted;
  }

  /** Jobs that claims under way asked for beyond their slots. */
  get claimingAhead(): number {
    return this.#claimingAhead;
  }

  /** Slots that the queue could use at best. */
  get slots(): number {
    return Math.min(this.#crew.slots, this.#limit);
  }

  /** Whether the queue may use one more slot. */
  get hasRoom(): boolean {
    return !this.paused && this.#running + this.#granted + this.#claiming < this.#limit;
  }

  /** Whether a claim may ask for one slot more than it does. */
  get mayClaim(): boolean {
    return this.#gate?.opens() ?? true;
  }

  /** Has what a claim lacked taken, for the slots that are free now. */
  askGate(): void {
    this.#gate?.ask(this.#crew.available);
  }

  /** Speaks for free slots, as far as there is room. */
  grant(count: number): void {
    if (this.paused) return;
    let room = this.#limit - this.#running - this.#granted - this.#claiming;
    if (this.#gate !== undefined) room = Math.min(room, this.#gate.allowance);
    const granted = Math.max(0, Math.min(count, room));
    this.#gate?.speakFor(granted);
    this.#granted += granted;
    this.#crew.reserve(granted);
  }

  /** Gives up slots that the next claim was to ask for. */
  revokeGrants(): void {
    if (this.#granted === 0) return;
    this.#crew.unreserve(this.#granted);
    this.#gate?.revoked(this.#granted);
    this.#granted = 0;
  }

  /** A claim goes out. @returns the slots it asks for. */
  claim(mostSlots: number): number {
    const slots = Math.min(this.#granted, mostSlots);
    this.#granted -= slots;
    this.#claiming += slots;
    return slots;
  }

  claimAhead(count: number): void {
    this.#claimingAhead += count;
  }

  /** The part of a claim beyond its slots was answered. */
  unclaimAhead(count: number): void {
    this.#claimingAhead -= count;
  }

  /** Slots of a claim that was answered: taken right now, or not needed. */
  unclaim(count: number): void {
    this.#claiming -= count;
    this.#crew.unreserve(count);
  }

  take(): CrewMember {
    this.#running++;
    return this.#crew.take();
  }

  release(member: CrewMember): void {
    this.#running--;
    this.#gate?.freed();
    this.#crew.release(member);
  }
}
