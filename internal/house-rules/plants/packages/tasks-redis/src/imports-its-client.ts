// breaks: one-window-per-library
export { Redis } from "ioredis";
