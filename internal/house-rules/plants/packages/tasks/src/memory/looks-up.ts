// breaks: tasks-memory-looks-down
export * from "../worker/claim-loop.ts";
