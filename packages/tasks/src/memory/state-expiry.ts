/** Something that ends at a deadline; the two fields belong to the {@link ExpiryHeap} that holds it. */
export interface Expiring {
  /** By the monotonic clock, in milliseconds; `Infinity`: never. */
  deadline: number;
  /** -1 while it is in no heap. */
  heapIndex: number;
}

/**
 * What expires, the soonest on top. Each item knows its place, so a changed deadline moves it and a removed item
 * leaves nothing behind.
 */
export class ExpiryHeap<T extends Expiring> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Sets an item's deadline, and holds it exactly as long as that is finite. */
  schedule(item: T, deadline: number): void {
    if (deadline === Infinity) {
      this.remove(item);
      item.deadline = deadline;
      return;
    }
    const before = item.deadline;
    item.deadline = deadline;
    if (item.heapIndex < 0) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
      this.#up(item);
    } else if (deadline < before) this.#up(item);
    else this.#down(item);
  }

  remove(item: T): void {
    const at = item.heapIndex;
    if (at < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#place(last, at);
    this.#up(last);
    this.#down(last);
  }

  /** Takes out and returns the item on top when its deadline has come. */
  takeDue(now: number): T | undefined {
    const top = this.#items[0];
    if (top === undefined || top.deadline > now) return undefined;
    this.remove(top);
    return top;
  }

  #place(item: T, at: number): void {
    this.#items[at] = item;
    item.heapIndex = at;
  }

  #up(item: T): void {
    let at = item.heapIndex;
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = this.#items[parentAt] as T;
      if (parent.deadline <= item.deadline) break;
      this.#place(parent, at);
      at = parentAt;
    }
    this.#place(item, at);
  }

  #down(item: T): void {
    let at = item.heapIndex;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = this.#items[childAt];
      if (child === undefined) break;
      const right = this.#items[childAt + 1];
      if (right !== undefined && right.deadline < child.deadline) {
        child = right;
        childAt++;
      }
      if (child.deadline >= item.deadline) break;
      this.#place(child, at);
      at = childAt;
    }
    this.#place(item, at);
  }
}
