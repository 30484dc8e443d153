// breaks: time-is-injected
export { setTimeout as sleep } from "node:timers/promises";
