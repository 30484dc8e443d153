import { type Body, TaskValidationError } from "@lexigram/contracts";
import type { Codec } from "./envelope.ts";
import { dataIssue, dropPrototypeKeys, isDeeperThan, looksLikeData, TOO_DEEP } from "./payload-data.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** `__proto__` written plainly, or with an escape that could spell it. */
function maySpellPrototype(text: string): boolean {
  return text.includes("__proto__") || text.includes("\\u00");
}

const refuse = (message: string, cause?: unknown): never => {
  throw new TaskValidationError({ subject: "a payload", issues: [{ path: "", message }] }, { cause });
};

/**
 * The default codec. It refuses what JSON would change beyond recognition (functions, symbols, bigints, NaN, cycles,
 * maps) instead of leaving it out, and reads nothing but data. Nothing at all (`undefined`) is the empty text.
 */
export class JsonCodec implements Codec {
  readonly encoding = "json";
  readonly #levels: number;

  /** @param levels of arrays and objects at most. */
  constructor(levels: number) {
    this.#levels = levels;
  }

  encode(value: unknown): string {
    // The look costs a tenth of the writing; a replacer, which could do the same, makes writing several times slower.
    if (!looksLikeData(value, this.#levels)) {
      const issue = dataIssue(value, this.#levels);
      if (issue !== undefined) throw new TaskValidationError({ subject: "a payload", issues: [issue] });
    }
    return JSON.stringify(value) ?? "";
  }

  decode(data: Body["data"]): unknown {
    let value: unknown;
    let text = "";
    try {
      text = typeof data === "string" ? data : utf8.decode(data);
      if (text === "") return undefined;
      value = JSON.parse(text);
    } catch (error) {
      refuse("it is not JSON", error);
    }
    // A text of n characters nests n / 2 levels at most, so short ones need no walk.
    if (text.length > 2 * this.#levels && isDeeperThan(value, this.#levels)) refuse(TOO_DEEP);
    if (maySpellPrototype(text)) dropPrototypeKeys(value);
    return value;
  }
}
