// breaks: packages-enter-by-the-door
export * from "../../dist/index.js";
