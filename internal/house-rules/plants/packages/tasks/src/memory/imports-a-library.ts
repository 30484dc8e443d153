// breaks: tasks-memory-looks-down
export { z } from "zod";
