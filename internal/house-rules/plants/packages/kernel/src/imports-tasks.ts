// breaks: kernel-sits-on-contracts
export * from "@lexigram/tasks";
