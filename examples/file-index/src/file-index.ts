import { resolve } from "node:path";
import { inject, injectable } from "@lexigram/kernel";
import { named, RemoteTaskError, TaskDispatcher, TaskQueueProtocol, unwrap } from "@lexigram/tasks";
import { type IndexedFile, indexFile, LARGE } from "./index-file.ts";
import { type FoundFile, walk } from "./walk.ts";

export interface IndexOptions {
  /** Names of files and folders to pass over. Default: none. */
  readonly ignore?: ReadonlySet<string>;
  /** A file of more bytes goes to the dead letters. Default 256 MiB. */
  readonly maxBytes?: number;
  readonly onProgress?: (done: number, total: number, settled: boolean) => void;
  readonly onSkip?: (folder: string, error: unknown) => void;
}

/** A file that was given up on, and why. */
export interface LostFile {
  readonly path: string;
  readonly reason: string;
}

export interface Indexed {
  readonly files: readonly IndexedFile[];
  readonly lost: readonly LostFile[];
  /** How many the queues hold as dead letters. */
  readonly deadLetters: number;
}

const BATCH = 500;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;

/** Indexes folders: one job a file, in the queue that fits its size. */
@injectable()
export class FileIndex {
  readonly #tasks: TaskDispatcher;
  readonly #queues: readonly TaskQueueProtocol[];

  constructor(
    @inject(TaskDispatcher) tasks: TaskDispatcher,
    @inject(named(TaskQueueProtocol, "small")) small: TaskQueueProtocol,
    @inject(named(TaskQueueProtocol, "large")) large: TaskQueueProtocol,
  ) {
    this.#tasks = tasks;
    this.#queues = [small, large];
  }

  /** Walks a folder and waits until each of its files is indexed or given up on. */
  async index(folder: string, options: IndexOptions = {}): Promise<Indexed> {
    // A server may still hold those of an earlier run.
    for (const queue of this.#queues) await queue.deadLetters.clear();
    const files: IndexedFile[] = [];
    const lost: LostFile[] = [];
    const results: Promise<void>[] = [];
    let done = 0;
    let walked = false;
    const tell = (): void => options.onProgress?.(done, results.length, walked);

    const enqueue = async (batch: readonly FoundFile[]): Promise<void> => {
      const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
      const handles = await this.#tasks.enqueueMany(
        batch.map(({ path, bytes }) => ({
          task: indexFile,
          input: { path, maxBytes },
          options: { queue: bytes < LARGE ? "small" : "large" },
        })),
      );
      for (const [i, { path }] of batch.entries()) {
        const handle = handles[i];
        if (handle === undefined) continue;
        results.push(
          unwrap(handle)
            .result()
            .then(
              (file) => void files.push(file),
              (error: unknown) => void lost.push({ path, reason: reasonOf(error) }),
            )
            .finally(() => {
              done++;
              tell();
            }),
        );
      }
    };

    let batch: FoundFile[] = [];
    for await (const file of walk(resolve(folder), options)) {
      batch.push(file);
      if (batch.length < BATCH) continue;
      await enqueue(batch);
      batch = [];
    }
    if (batch.length > 0) await enqueue(batch);
    walked = true;
    tell();
    await Promise.all(results);
    const sizes = await Promise.all(this.#queues.map((queue) => queue.deadLetters.size()));
    return { files, lost, deadLetters: sizes.reduce((a, b) => a + b) };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof RemoteTaskError) return error.fields.error.message;
  return error instanceof Error ? error.message : String(error);
}
