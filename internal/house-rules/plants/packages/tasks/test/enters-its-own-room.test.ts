// breaks: nothing
export * from "../src/memory/own.ts";
export * from "./support.ts";
