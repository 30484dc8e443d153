/**
 * A binary heap of items by a number, the smallest first, and by a second number where the first is equal. Each item
 * knows its slot, so that any item can be moved or taken out in logarithmic time.
 */
export abstract class SlotHeap<T> {
  readonly #items: T[] = [];
  readonly #keys: number[] = [];
  readonly #ties: number[] = [];

  /** The slot that `place` gave the item last; below 0 when it is not in this heap. */
  protected abstract slotOf(item: T): number;
  protected abstract place(item: T, slot: number): void;

  get size(): number {
    return this.#items.length;
  }

  get top(): T | undefined {
    return this.#items[0];
  }

  /** The smallest number; infinite when empty. */
  get topKey(): number {
    return this.#keys[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The item in a slot, for a look at the first few. */
  peek(slot: number): T | undefined {
    return this.#items[slot];
  }

  /** Puts an item in, or moves it when it is there. */
  set(item: T, key: number, tie = 0): void {
    let slot = this.slotOf(item);
    if (slot < 0) {
      slot = this.#items.length;
      this.#items.push(item);
      this.#keys.push(key);
      this.#ties.push(tie);
    }
    this.#settle(item, key, tie, slot);
  }

  /** @returns whether it was there. */
  remove(item: T): boolean {
    const slot = this.slotOf(item);
    if (slot < 0) return false;
    this.place(item, -1);
    const last = this.#items.pop() as T;
    const key = this.#keys.pop() as number;
    const tie = this.#ties.pop() as number;
    if (slot < this.#items.length) this.#settle(last, key, tie, slot);
    return true;
  }

  shift(): T | undefined {
    const item = this.#items[0];
    if (item !== undefined) this.remove(item);
    return item;
  }

  /** Finds the place of an item whose slot is free, up or down. */
  #settle(item: T, key: number, tie: number, from: number): void {
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      if (!this.#isBefore(key, tie, parent)) break;
      this.#copy(parent, slot);
      slot = parent;
    }
    const size = this.#items.length;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= size) break;
      if (
        child + 1 < size &&
        this.#isBefore(this.#keys[child + 1] as number, this.#ties[child + 1] as number, child)
      )
        child++;
      if (this.#isBefore(key, tie, child)) break;
      if (key === this.#keys[child] && tie === this.#ties[child]) break;
      this.#copy(child, slot);
      slot = child;
    }
    this.#items[slot] = item;
    this.#keys[slot] = key;
    this.#ties[slot] = tie;
    this.place(item, slot);
  }

  #isBefore(key: number, tie: number, slot: number): boolean {
    const other = this.#keys[slot] as number;
    return key < other || (key === other && tie < (this.#ties[slot] as number));
  }

  #copy(from: number, to: number): void {
    const item = this.#items[from] as T;
    this.#items[to] = item;
    this.#keys[to] = this.#keys[from] as number;
    this.#ties[to] = this.#ties[from] as number;
    this.place(item, to);
  }
}
