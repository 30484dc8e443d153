import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { RejectTask, task, type TaskContext } from "@lexigram/tasks";
import { z } from "zod";
import { kindOf } from "./kind.ts";

const LINE_FEED = 0x0a;

/** Bytes from which on a file is large: it waits in a queue of its own and is read in pieces. */
export const LARGE = 1024 * 1024;

/** Errors that pass by themselves; the task repeats the attempt. Any other error of the file system is final. */
const TRANSIENT = new Set(["EAGAIN", "EBUSY", "EINTR", "EMFILE", "ENFILE", "ENOMEM", "ETIMEDOUT"]);

/** What is known of a file once it has been read. */
export interface IndexedFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly lines: number;
  readonly kind: string;
}

/** Reads one file: digest, size, lines and kind. */
export const indexFile = task(
  {
    name: "file.index",
    queue: "small",
    input: z.object({ path: z.string().min(1), maxBytes: z.number().positive() }),
    maxRetries: 3,
    retry: { baseDelay: "50ms", maxDelay: "1s" },
    timeout: "2m",
    resultTtl: "1h",
  },
  async ({ path, maxBytes }, ctx): Promise<IndexedFile> => {
    try {
      const { size } = await stat(path);
      if (size > maxBytes) throw new RejectTask({ reason: `it holds ${size} bytes, more than ${maxBytes}` });
      const hash = createHash("sha256");
      let bytes = 0;
      let lines = 0;
      for await (const chunk of chunksOf(path, size, ctx)) {
        hash.update(chunk);
        bytes += chunk.length;
        for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) lines++;
      }
      return { path, sha256: hash.digest("hex"), bytes, lines, kind: kindOf(path) };
    } catch (error) {
      throw isFinal(error) ? new RejectTask({ reason: `it cannot be read: ${error.code}` }) : error;
    }
  },
);

/** A small file whole, as one read is cheaper than a stream; a larger one in pieces, so that memory stays small. */
async function* chunksOf(path: string, size: number, ctx: TaskContext): AsyncIterable<Buffer> {
  if (size <= LARGE) yield await readFile(path);
  else yield* createReadStream(path, { signal: ctx.signal }) as AsyncIterable<Buffer>;
}

function isFinal(error: unknown): error is NodeJS.ErrnoException {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  // An aborted read is the worker's own doing: a timeout, a cancellation or the end of a drain.
  return typeof code === "string" && /^E[A-Z]+$/.test(code) && !TRANSIENT.has(code);
}
