// breaks: nothing
export * from "@lexigram/contracts";
export * from "node:events";
export * from "./lists/deep.ts";
