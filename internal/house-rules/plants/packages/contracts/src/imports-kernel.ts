// breaks: contracts-import-nothing
export * from "@lexigram/kernel";
