import { extname } from "node:path";

const KINDS: Readonly<Record<string, readonly string[]>> = {
  code: [
    "c",
    "cc",
    "cpp",
    "cs",
    "go",
    "h",
    "java",
    "js",
    "cjs",
    "mjs",
    "jsx",
    "lua",
    "php",
    "py",
    "rb",
    "rs",
    "sh",
    "sql",
    "ts",
    "cts",
    "mts",
    "tsx",
  ],
  text: ["adoc", "csv", "log", "md", "rst", "tsv", "txt"],
  data: ["ini", "json", "jsonc", "lock", "map", "toml", "xml", "yaml", "yml"],
  web: ["css", "htm", "html", "scss", "vue"],
  image: ["avif", "bmp", "gif", "ico", "jpeg", "jpg", "png", "svg", "webp"],
  media: ["flac", "m4a", "mkv", "mov", "mp3", "mp4", "ogg", "wav", "webm"],
  archive: ["7z", "bz2", "gz", "jar", "rar", "tar", "tgz", "xz", "zip", "zst"],
  binary: ["a", "bin", "dll", "dylib", "exe", "node", "o", "pdf", "so", "ttf", "wasm", "woff", "woff2"],
};

const BY_EXTENSION = new Map(
  Object.entries(KINDS).flatMap(([kind, extensions]) =>
    extensions.map((extension) => [extension, kind] as const),
  ),
);

/** What a file holds, judged by its name. */
export function kindOf(path: string): string {
  return BY_EXTENSION.get(extname(path).slice(1).toLowerCase()) ?? "other";
}
