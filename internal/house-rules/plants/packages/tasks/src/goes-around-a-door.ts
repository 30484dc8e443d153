// breaks: packages-enter-by-the-door
export * from "../../kernel/src/container.ts";
