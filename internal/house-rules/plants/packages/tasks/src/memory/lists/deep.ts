// breaks: nothing
export * from "../other.ts";
