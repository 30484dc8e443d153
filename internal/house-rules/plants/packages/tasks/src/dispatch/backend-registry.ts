// breaks: nothing
export * from "../memory/own.ts";
