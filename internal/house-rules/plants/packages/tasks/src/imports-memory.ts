// breaks: tasks-memory-is-seen-by-few
export * from "./memory/own.ts";
