import { createHash } from "node:crypto";

/** What a store takes at most for the name of an entry. */
const LONGEST_KEY = 512;

/** What the entries of one queue's index are called in the state store. */
export class IndexKeys {
  readonly #prefix: string;
  /** Where all jobs lie. */
  readonly jobs: string;
  /** Where the leases of all deliveries lie that were acknowledged early. */
  readonly leases: string;
  /** What holds for the whole queue. */
  readonly control: string;
  /** The topic on which is told that something was asked of running jobs, or of the queue. */
  readonly news: string;

  constructor(namespace: string, queue: string) {
    this.#prefix = `amqp/${namespace}/${queue}`;
    this.jobs = `${this.#prefix}/job/`;
    this.leases = `${this.#prefix}/lease/`;
    this.control = `${this.#prefix}/control`;
    this.news = `${this.#prefix}/news`;
  }

  job(id: string): string {
    return fitting(this.jobs, id);
  }

  lease(id: string): string {
    return fitting(this.leases, id);
  }

  unique(key: string): string {
    return fitting(`${this.#prefix}/unique/`, key);
  }
}

/** A name that is too long stands for itself by its hash, behind a character that says so. */
function fitting(prefix: string, name: string): string {
  if (prefix.length + name.length < LONGEST_KEY) return `${prefix}=${name}`;
  return `${prefix}#${createHash("sha256").update(name).digest("hex")}`;
}
