// breaks: backends-sit-on-contracts
export * from "@lexigram/tasks-redis";
