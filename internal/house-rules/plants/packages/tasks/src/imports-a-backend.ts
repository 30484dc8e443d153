// breaks: tasks-sits-on-kernel
export const backend = import("@lexigram/tasks-redis");
