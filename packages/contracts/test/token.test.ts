import { describe, expect, expectTypeOf, test } from "vitest";
import { named, type Token, token, tokenName } from "@lexigram/contracts";

interface Mailer {
  send(): void;
}
const Mailer: Token<Mailer> = token("Mailer");

describe("token", () => {
  test("is the same for the same name, so that two copies of a package agree", () => {
    expect(token("Mailer")).toBe(Mailer);
    expect(token("Other")).not.toBe(Mailer);
  });

  test("names one of a kind and keeps its type", () => {
    const emails = named(Mailer, "emails");
    expectTypeOf(emails).toEqualTypeOf<Token<Mailer>>();
    expect(named(Mailer, "emails")).toBe(emails);
    expect(emails).not.toBe(Mailer);
    expect(named(Mailer, "sms")).not.toBe(emails);
  });

  test("reads well in a message", () => {
    expect(tokenName(named(Mailer, "emails"))).toBe("Mailer#emails");
    expect(tokenName(class Clerk {})).toBe("Clerk");
    expect(tokenName(class {})).toBe("(anonymous class)");
  });
});
