// breaks: contracts-import-nothing
export { z } from "zod";
