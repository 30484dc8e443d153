import { LexigramError } from "@lexigram/contracts";
import { expect, test } from "vitest";
import * as kernel from "../src/index.ts";

const { KERNEL_ERROR_CODES } = kernel;

/** The error classes that the package exports, with the code that each would carry. */
const classes = Object.entries(kernel).filter(
  ([name, value]) =>
    name !== "KernelError" && typeof value === "function" && value.prototype instanceof LexigramError,
);

test("every code has a class that is exported, and every class a code of the list", () => {
  const codes = classes.map(([, value]) => /code = "(LEX_ERR_[A-Z_]+)"/.exec(String(value))?.[1]);
  expect(codes.sort()).toEqual(Object.keys(KERNEL_ERROR_CODES).sort());
});

test("codes name their room, and say in one line what they mean and what to do", () => {
  for (const [code, { meaning, whatToDo }] of Object.entries(KERNEL_ERROR_CODES)) {
    expect(code).toMatch(/^LEX_ERR_(MODULE|CONTAINER|PROVIDER|CONFIG|APPLICATION)_[A-Z_]+$/);
    for (const line of [meaning, whatToDo]) expect(line).toMatch(/^[^\n]{10,160}[^.\n]$/);
  }
});

test("an error is data: code, fields and hint", () => {
  const error = new kernel.ModuleDuplicateError({ module: "TasksModule" });
  expect(error).toBeInstanceOf(kernel.KernelError);
  expect(error.toJSON()).toEqual({
    name: "ModuleDuplicateError",
    code: "LEX_ERR_MODULE_DUPLICATE",
    message: 'module "TasksModule" is configured more than once',
    fields: { module: "TasksModule" },
    hint: "configure it once, keep the result in a constant and import that constant, or import the bare class",
  });
});
