import type { Dirent } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** A file that was found, before anybody opened it. */
export interface FoundFile {
  readonly path: string;
  /** 0 when it could not be asked. */
  readonly bytes: number;
}

/**
 * Every regular file below a folder, breadth first. Links are not followed, as what they lead to is found where it
 * lies; one that leads nowhere is given as an unreadable file. A folder that cannot be opened is told to `onSkip`.
 */
export async function* walk(
  root: string,
  options: {
    readonly ignore?: ReadonlySet<string>;
    readonly onSkip?: (folder: string, error: unknown) => void;
  } = {},
): AsyncGenerator<FoundFile> {
  const folders = [root];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    let entries: Dirent[];
    try {
      entries = await readdir(folder, { withFileTypes: true });
    } catch (error) {
      if (folder === root) throw error;
      options.onSkip?.(folder, error);
      continue;
    }
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (options.ignore?.has(entry.name) === true) continue;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) yield { path, bytes: await sizeOf(path) };
      else if (entry.isSymbolicLink() && !(await exists(path))) yield { path, bytes: 0 };
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  return lstat(path).then(
    (found) => found.size,
    () => 0,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
