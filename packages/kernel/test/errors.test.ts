import { LexigramError } from "@lexigram/contracts";
import { expect, test } from "vitest";
import * as kernel from "../src/index.ts";

const { KERNEL_ERROR_CODES } = kernel;

/** The error classes that the package exports. */
const classes = Object.entries(kernel)
  .filter(([name]) => name.endsWith("Error") && name !== "KernelError")
  .map(([, value]) => value as () => void)
  .filter((value) => value.prototype instanceof LexigramError);

test("every code has a class that is exported, and every class a code of the list", () => {
  // A class has its code only once it is made, and each takes other fields; so the code is read from its text.
  const codes = classes.map(
    (one) => /code = "(LEX_ERR_[A-Z_]+)"/.exec(Function.prototype.toString.call(one))?.[1],
  );
  expect(new Set(codes)).toEqual(new Set(Object.keys(KERNEL_ERROR_CODES)));
  expect(codes).toHaveLength(Object.keys(KERNEL_ERROR_CODES).length);
});

test("codes name their room, and say in one line what they mean and what to do", () => {
  for (const [code, { meaning, whatToDo }] of Object.entries(KERNEL_ERROR_CODES)) {
    expect(code).toMatch(/^LEX_ERR_(MODULE|CONTAINER|PROVIDER|CONFIG|APPLICATION)_[A-Z_]+$/);
    for (const line of [meaning, whatToDo]) expect(line).toMatch(/^[^\n]{10,160}[^.\n]$/);
  }
});

test.each(classes.map((one) => [one.name, one] as const))("%s gives a hint", (_, one) => {
  const fields = { issues: [], path: [], known: [], providedBy: [], token: "T" };
  // What follows is, class by class, the names there are, or the hint of the place where it is thrown.
  const next = /known|exportedBy/.test(Function.prototype.toString.call(one)) ? ["a name"] : "do this";
  const error = Reflect.construct(one, [fields, next, "do this"]) as kernel.KernelError;
  expect(error.hint).toMatch(/\w+ \w+/);
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

test("what a provider threw gives its hint to the error that reports it", () => {
  const cause = new kernel.ModuleDuplicateError({ module: "TasksModule" });
  for (const Failed of [
    kernel.ProviderRegisterError,
    kernel.ProviderBootError,
    kernel.ProviderShutdownError,
  ]) {
    const error = new Failed({ provider: "tasks" }, cause);
    expect(error.hint).toBe(cause.hint);
    expect(error.cause).toBe(cause);
    expect(new Failed({ provider: "tasks" }, new Error("plain")).hint).toMatch(/^look at the cause; /);
  }
});
