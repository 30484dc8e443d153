/** Who competes for slots. */
export interface Contender {
  /** Its share relative to the others; above 0. */
  readonly weight: number;
  /** Whether it could use one slot now. */
  wantsSlot(): boolean;
}

class Seat<C extends Contender> {
  readonly contender: C;
  /** Slots it may still take before the next has its turn. */
  deficit = 0;
  quantum = 1;
  constructor(contender: C) {
    this.contender = contender;
  }
}

/**
 * Deficit round-robin: while several want slots they get them in proportion to their weights; who wants none leaves
 * its share to the others and saves nothing up.
 */
export class FairShare<C extends Contender> {
  #seats: Seat<C>[] = [];
  #at = 0;

  get contenders(): readonly C[] {
    return this.#seats.map((seat) => seat.contender);
  }

  add(contender: C): void {
    this.#seats.push(new Seat(contender));
    this.#weigh();
  }

  remove(contender: C): void {
    this.#seats = this.#seats.filter((seat) => seat.contender !== contender);
    this.#at = 0;
    this.#weigh();
  }

  /** Whose turn it is to take one slot; nobody when nobody wants one. */
  next(): C | undefined {
    const count = this.#seats.length;
    for (let looked = 0; looked <= count && count > 0; looked++) {
      const seat = this.#seats[this.#at]!;
      if (!seat.contender.wantsSlot()) seat.deficit = 0;
      else if (seat.deficit >= 1) {
        seat.deficit--;
        return seat.contender;
      }
      this.#at = this.#at + 1 === count ? 0 : this.#at + 1;
      const following = this.#seats[this.#at]!;
      following.deficit += following.quantum;
    }
    return undefined;
  }

  /** A turn is worth one slot at least, or a small weight would go round in vain. */
  #weigh(): void {
    const least = Math.min(...this.#seats.map((seat) => seat.contender.weight));
    for (const seat of this.#seats) seat.quantum = seat.contender.weight / least;
  }
}
