import { type JobEntry, LineRef } from "./job-entry.ts";
import type { Lane } from "./lane.ts";
import { KeyLine, Section } from "./ready-parts.ts";
import { type ReadyRules, readyRules } from "./ready-rules.ts";
import { SlotHeap } from "./slot-heap.ts";
import { isTerminalCode, PENDING, RUNNING } from "./status-code.ts";
import { TokenBucket } from "./token-bucket.ts";

/** How many entries a choice of claim order looks at. */
const CANDIDATES = 16;

class RefillHeap extends SlotHeap<KeyLine> {
  protected override slotOf(key: KeyLine): number {
    return key.refillSlot;
  }
  protected override place(key: KeyLine, slot: number): void {
    key.refillSlot = slot;
  }
}

class IdleHeap extends SlotHeap<KeyLine> {
  protected override slotOf(key: KeyLine): number {
    return key.idleSlot;
  }
  protected override place(key: KeyLine, slot: number): void {
    key.idleSlot = slot;
  }
}

/**
 * Which pending job starts next. Without rules that is one plain line per priority. A task with a limit has a section
 * of its own, which is passed over as a whole while the limit is reached; a key has a lane in each section and level,
 * which leaves the choice while the key may not start a job. So no claim looks at a job that may not start.
 *
 * All instants are of the monotonic clock.
 */
export class ReadyLine {
  #rules: ReadyRules = readyRules({});
  #free = new Section(false, Number.POSITIVE_INFINITY, null);
  #sections: readonly Section[] = [this.#free];
  #byTask = new Map<string, Section>();
  #bucket: TokenBucket | null = null;
  /** Null when keys do not matter. */
  #keys: Map<string, KeyLine> | null = null;
  /** With `fair`, jobs without a key take turns as if they had one. */
  #keyless: KeyLine | null = null;
  #refills = new RefillHeap();
  #idles = new IdleHeap();
  #hasRates = false;
  #places = 0;
  #turns = 0;
  /** Valid leases. */
  running = 0;

  /** Makes a job known that is unfinished from now on. */
  enroll(entry: JobEntry, now: number): void {
    if (this.#keys === null && this.#byTask.size === 0) return;
    const section = this.#byTask.get(entry.task) ?? this.#free;
    const key = this.#keyOf(entry.key);
    if (section === this.#free && key === null) return;
    entry.line = new LineRef(section, key);
    if (key === null) return;
    key.members++;
    if (this.#idles.remove(key)) this.#refresh(key, now);
    if (key.fifo) key.chain(entry);
  }

  /**
   * Forgets a job that is over. Its key goes on, unless the job failed and the key's rule is to be held by that.
   *
   * @param now of the monotonic clock.
   */
  withdraw(entry: JobEntry, failed: boolean, now: number): void {
    const { line } = entry;
    if (line === null) return;
    if (failed && line.chained && this.#rules.perKey?.holdOnFailure === true) return;
    const { key } = line;
    if (key !== null) {
      const first = key.unchain(entry);
      key.members--;
      if (first !== null && first.code === PENDING) this.file(first);
      if (key.members === 0) this.#retire(key, now);
    }
    entry.line = null;
  }

  /** The priority that a new job of this key must have. */
  requiredPriority(key: string): number | undefined {
    const known = this.#keys?.get(key);
    return known?.fifo === true ? known.first?.priority : undefined;
  }

  /** Whether another unfinished job shares its key, and its order. */
  sharesOrder(entry: JobEntry): boolean {
    const key = entry.line?.key;
    return key != null && key.fifo && key.members > 1;
  }

  /** Whether a bucket counts starts, of the queue, a task or each key. */
  get hasRates(): boolean {
    return this.#hasRates;
  }

  /** A place behind all others. */
  nextPlace(): number {
    return ++this.#places;
  }

  /** Whether a job keeps its place over retries and delays. */
  keepsPlace(entry: JobEntry): boolean {
    return entry.line !== null && entry.line.chained;
  }

  /** Puts a pending job into its line, at its place, or at the tail when it has none yet. */
  file(entry: JobEntry): void {
    if (entry.order < 0) entry.order = ++this.#places;
    const { line } = entry;
    const section = line === null ? this.#free : line.section;
    const key = line === null ? null : line.key;
    const { priority } = entry;
    const level = section.level(priority);
    if (key === null) {
      level.plain.add(entry);
      section.mask |= 1 << priority;
      return;
    }
    if (key.fifo && key.first !== entry) return;
    if (key.lanes.length === 0) key.turn = ++this.#turns;
    const lane = key.lane(level);
    lane.add(entry);
    if (key.open && (!lane.open || lane.first === entry)) level.admit(lane);
  }

  /** Takes a pending job out of its line. */
  unfile(entry: JobEntry): void {
    const { lane } = entry;
    if (lane === null) return;
    lane.remove(entry);
    const { key, level } = lane;
    if (key === null) {
      if (lane.size === 0) level.noteEmptied();
    } else if (lane.size === 0) {
      level.expel(lane);
      key.forget(lane);
    } else if (lane.open) level.admit(lane);
  }

  /** Whether the queue's own limits let a job start. */
  isOpen(now: number): boolean {
    return this.running < this.#rules.concurrency && (this.#bucket === null || this.#bucket.isOpen(now));
  }

  /**
   * The job that starts next, as far as limits of task and key go.
   *
   * @param wall of the clock by which jobs are due; for aging.
   */
  next(now: number, wall: number): JobEntry | null {
    if (this.#rules.agingMs > 0) return this.#longestWaiting(now, wall);
    const free = this.#free;
    if (this.#sections.length === 1)
      return free.mask === 0 ? null : (free.level(31 - Math.clz32(free.mask)).front()?.first ?? null);
    let best: Lane | null = null;
    let bestPriority = -1;
    for (const section of this.#sections) {
      if (section.mask === 0) continue;
      const priority = 31 - Math.clz32(section.mask);
      if (priority < bestPriority || !section.isOpen(now)) continue;
      const lane = section.level(priority).front();
      if (lane === null) continue;
      if (best === null || priority > bestPriority || isBefore(lane, best)) best = lane;
      bestPriority = priority;
    }
    return best?.first ?? null;
  }

  /** Compares what stands first in each level, by level and what its wait adds to that. */
  #longestWaiting(now: number, wall: number): JobEntry | null {
    let best: Lane | null = null;
    let bestLevel = -1;
    for (const section of this.#sections) {
      if (!section.isOpen(now)) continue;
      for (let levels = section.mask; levels !== 0;) {
        const priority = 31 - Math.clz32(levels);
        levels &= ~(1 << priority);
        const lane = section.level(priority).front();
        const first = lane?.first;
        if (lane == null || first == null) continue;
        const level = priority + Math.floor(Math.max(0, wall - first.dueSince) / this.#rules.agingMs);
        if (best === null || level > bestLevel || (level === bestLevel && isBefore(lane, best))) {
          best = lane;
          bestLevel = level;
        }
      }
    }
    return best?.first ?? null;
  }

  /** Jobs of the level that may start now, for a choice of another order than the usual one. */
  candidates(now: number, wall: number): readonly JobEntry[] {
    const first = this.next(now, wall);
    if (first === null) return [];
    const found: JobEntry[] = [];
    for (const section of this.#sections) {
      if ((section.mask & (1 << first.priority)) === 0 || !section.isOpen(now)) continue;
      for (const lane of section.level(first.priority).fronts(CANDIDATES))
        if (lane.key === null) found.push(...lane.peek(CANDIDATES));
        else if (lane.first !== null) found.push(lane.first);
    }
    return found;
  }

  /** Whether a job may be handed out before a slot is free: no limit counts it, and no lease of it ever ended by itself. */
  mayGoAhead(entry: JobEntry): boolean {
    if (
      entry.recoveries > 0 ||
      entry.lapsed ||
      this.#bucket !== null ||
      this.#rules.concurrency !== Number.POSITIVE_INFINITY
    )
      return false;
    const { line } = entry;
    return line === null || (!line.section.isLimited && line.key?.isLimited !== true);
  }

  /** Counts a lease. */
  lease(entry: JobEntry, now: number): void {
    this.running++;
    const { line } = entry;
    if (line === null) return;
    line.section.running++;
    const { key } = line;
    if (key === null) return;
    key.running++;
    if (this.#rules.perKey?.fair === true) {
      key.turn = ++this.#turns;
      for (const lane of key.lanes) if (lane.level.priority === entry.priority) lane.level.toBack(lane);
    }
    this.#refresh(key, now);
  }

  /** Counts a start against the rates. */
  start(entry: JobEntry, now: number): void {
    this.#bucket?.take(now);
    const { line } = entry;
    if (line === null) return;
    line.section.bucket?.take(now);
    const { key } = line;
    if (key === null || key.bucket === null) return;
    key.bucket.take(now);
    this.#refresh(key, now);
  }

  /** Counts the end of a lease. */
  unlease(entry: JobEntry, now: number): void {
    this.running--;
    const { line } = entry;
    if (line === null) return;
    line.section.running--;
    const { key } = line;
    if (key === null) return;
    key.running--;
    this.#refresh(key, now);
  }

  /** Opens the keys that have a token again, and forgets those that have nothing left to remember. */
  refill(now: number, budget: number): void {
    for (let n = budget; n > 0 && this.#refills.topKey <= now; n--) {
      const key = this.#refills.shift();
      if (key !== undefined) this.#refresh(key, now);
    }
    for (let n = budget; n > 0 && this.#idles.topKey <= now; n--) {
      const key = this.#idles.shift();
      if (key?.key !== undefined) this.#keys?.delete(key.key);
    }
  }

  /** When a token comes back that jobs wait for. */
  nextRefill(now: number): number {
    let at = this.#refills.topKey;
    let waits = false;
    for (const section of this.#sections) {
      if (section.mask === 0) continue;
      waits = true;
      if (section.bucket !== null && section.running < section.concurrency && !section.bucket.isOpen(now))
        at = Math.min(at, section.bucket.opensAt);
    }
    if (waits && this.#bucket !== null && !this.#bucket.isOpen(now)) at = Math.min(at, this.#bucket.opensAt);
    return at;
  }

  /** Keys that are remembered. */
  get keyCount(): number {
    return this.#keys?.size ?? 0;
  }

  /**
   * Takes new rules and files all jobs anew. Buckets keep what was spent.
   *
   * @param members the unfinished jobs, and the dead letters that hold a key, by acceptance.
   */
  apply(rules: ReadyRules, members: readonly JobEntry[], now: number): void {
    const pending = members.filter((entry) => entry.code === PENDING);
    for (const entry of pending) this.unfile(entry);
    const keys = this.#keys;
    const byTask = this.#byTask;
    const fair = rules.perKey?.fair === true;
    this.#rules = rules;
    this.#hasRates =
      rules.rate !== undefined ||
      rules.perKey?.rate !== undefined ||
      [...rules.perTask.values()].some((limit) => limit.rate !== undefined);
    this.#bucket = reshaped(this.#bucket, rules.rate, now);
    this.#free = new Section(fair, Number.POSITIVE_INFINITY, null);
    this.#byTask = new Map();
    for (const [task, limit] of rules.perTask)
      this.#byTask.set(
        task,
        new Section(fair, limit.concurrency, reshaped(byTask.get(task)?.bucket ?? null, limit.rate, now)),
      );
    this.#sections = [this.#free, ...this.#byTask.values()];
    this.#refills = new RefillHeap();
    this.#idles = new IdleHeap();
    this.#keys = rules.perKey === null ? null : new Map();
    this.#keyless = fair ? new KeyLine(undefined, Number.POSITIVE_INFINITY, null, false) : null;
    for (const [name, old] of keys ?? [])
      if (old.bucket !== null && old.bucket.fullAt > now && rules.perKey?.rate !== undefined)
        this.#addKey(name, reshaped(old.bucket, rules.perKey.rate, now));
    for (const entry of members) {
      entry.line = null;
      if (isTerminalCode(entry.code) && rules.perKey?.holdOnFailure !== true) continue;
      this.enroll(entry, now);
      if (entry.code !== RUNNING || entry.line === null) continue;
      const line = entry.line as LineRef;
      line.section.running++;
      if (line.key !== null) line.key.running++;
    }
    for (const key of this.#keys?.values() ?? []) {
      this.#refresh(key, now);
      if (key.members === 0) this.#retire(key, now);
    }
    pending.sort((a, b) => a.order - b.order);
    for (const entry of pending) this.file(entry);
  }

  #keyOf(key: string | undefined): KeyLine | null {
    if (this.#keys === null) return null;
    if (key === undefined) return this.#keyless;
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const rate = this.#rules.perKey?.rate;
    return this.#addKey(key, rate === undefined ? null : new TokenBucket(rate));
  }

  #addKey(name: string, bucket: TokenBucket | null): KeyLine {
    const rules = this.#rules.perKey;
    const key = new KeyLine(
      name,
      rules?.concurrency ?? Number.POSITIVE_INFINITY,
      bucket,
      rules?.fifo === true,
    );
    this.#keys?.set(name, key);
    return key;
  }

  #refresh(key: KeyLine, now: number): void {
    if (!key.isLimited) return;
    const hasRoom = key.running < key.concurrency;
    const hasToken = key.bucket === null || key.bucket.isOpen(now);
    if (!key.open && hasRoom && hasToken) key.turn = ++this.#turns;
    key.setOpen(hasRoom && hasToken);
    if (hasRoom && !hasToken && key.bucket !== null) this.#refills.set(key, key.bucket.opensAt);
    else this.#refills.remove(key);
  }

  #retire(key: KeyLine, now: number): void {
    if (key.key === undefined) return;
    this.#refills.remove(key);
    if (key.bucket === null || key.bucket.fullAt <= now) this.#keys?.delete(key.key);
    else this.#idles.set(key, key.bucket.fullAt);
  }
}

function isBefore(lane: Lane, other: Lane): boolean {
  if (lane.key !== null && other.key !== null && lane.level.fair) return lane.key.turn < other.key.turn;
  return lane.firstOrder < other.firstOrder;
}

function reshaped(
  old: TokenBucket | null,
  rate: ConstructorParameters<typeof TokenBucket>[0] | undefined,
  now: number,
): TokenBucket | null {
  if (rate === undefined) return null;
  if (old === null) return new TokenBucket(rate);
  old.reshape(rate, now);
  return old;
}
