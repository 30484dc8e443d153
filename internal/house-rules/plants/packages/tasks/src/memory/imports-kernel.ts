// breaks: tasks-memory-looks-down
export * from "@lexigram/kernel";
