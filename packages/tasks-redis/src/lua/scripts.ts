import { RedisScript } from "../connection/redis-script.ts";
import { CONTROL } from "./control.ts";
import { ENQUEUE } from "./enqueue.ts";
import { EXCHANGE, EXTEND } from "./exchange.ts";
import { LOOK } from "./look.ts";
import { PLAIN_ENQUEUE } from "./plain.ts";
import { OUTCOMES, WATCH } from "./small.ts";

/** The scripts of a queue. */
export const QUEUE_SCRIPTS = {
  plainEnqueue: new RedisScript("plainEnqueue", PLAIN_ENQUEUE),
  enqueue: new RedisScript("enqueue", ENQUEUE),
  exchange: new RedisScript("exchange", EXCHANGE),
  extend: new RedisScript("extend", EXTEND),
  control: new RedisScript("control", CONTROL),
  look: new RedisScript("look", LOOK),
  outcomes: new RedisScript("outcomes", OUTCOMES),
  watch: new RedisScript("watch", WATCH),
} as const;
