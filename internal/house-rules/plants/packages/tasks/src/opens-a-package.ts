// breaks: packages-enter-by-the-door, tasks-sits-on-kernel
export * from "@lexigram/kernel/src/container.ts";
