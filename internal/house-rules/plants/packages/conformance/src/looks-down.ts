// breaks: nothing
export * from "@lexigram/contracts";
export * from "fast-check";
