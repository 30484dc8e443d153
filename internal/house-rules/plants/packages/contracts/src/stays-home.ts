// breaks: nothing
export * from "node:events";
export * from "./clock.ts";
