import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { TASK_ERROR_CODES } from "@lexigram/contracts";
import { KERNEL_ERROR_CODES } from "@lexigram/kernel";

type Codes = Readonly<Record<string, { readonly meaning: string; readonly whatToDo: string }>>;

const document = await readFile(new URL("../../../docs/errors.md", import.meta.url), "utf8");

/** The part of the document below a heading, up to the next. */
function below(heading: string): string {
  return document.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
}

/** The part as it has to read; a failing comparison shows what to write. */
function expected(heading: string, codes: Codes): string {
  const entries = Object.entries(codes).map(
    ([code, { meaning, whatToDo }]) => `### ${code}\n\n${meaning}\n\n**What to do:** ${whatToDo}\n`,
  );
  return `${heading}\n\n${entries.join("\n")}`;
}

describe("docs/errors.md", () => {
  test("lists every code about tasks, with the words of the code", () => {
    expect(below("Tasks").trimEnd()).toBe(expected("Tasks", TASK_ERROR_CODES).trimEnd());
  });

  test("lists every code of the kernel, with the words of the code", () => {
    expect(below("Kernel").trimEnd()).toBe(expected("Kernel", KERNEL_ERROR_CODES).trimEnd());
  });

  test("lists the code of a bad duration, which both use", () => {
    expect(document).toContain("### LEX_ERR_DURATION_INVALID");
  });
});
