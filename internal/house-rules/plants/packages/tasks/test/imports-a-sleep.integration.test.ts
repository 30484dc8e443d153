// breaks: tests-never-sleep
export { setTimeout as sleep } from "node:timers/promises";
