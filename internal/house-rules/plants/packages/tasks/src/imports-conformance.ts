// breaks: tasks-sits-on-kernel
export * from "@lexigram/conformance";
