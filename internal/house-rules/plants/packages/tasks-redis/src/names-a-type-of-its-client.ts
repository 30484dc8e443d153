// breaks: nothing
import type { Redis } from "ioredis";

export type Connection = Redis;
