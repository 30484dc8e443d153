// breaks: nothing
export * from "@lexigram/contracts";
export { z } from "zod";
