// breaks: conformance-sits-on-contracts
export * from "@lexigram/tasks";
