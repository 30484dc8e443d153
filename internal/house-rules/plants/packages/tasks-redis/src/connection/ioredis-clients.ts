// breaks: nothing
export * from "@lexigram/contracts";
export { Redis } from "ioredis";
