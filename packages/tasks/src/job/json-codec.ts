import { type Body, TaskValidationError } from "@lexigram/contracts";
import type { Codec } from "./envelope.ts";
import {
  dataIssue,
  dropPrototypeKeys,
  isDeeperThan,
  looksLikeData,
  NEST_LESS,
  TOO_DEEP,
} from "./payload-data.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** `__proto__` written plainly, or with an escape that could spell it. */
function maySpellPrototype(text: string): boolean {
  return text.includes("__proto__") || text.includes("\\u00");
}

const PLAIN_DATA = "pass plain data: objects, arrays, texts, finite numbers, true, false and null";
const UNREADABLE = "its producer wrote it in another form, or it was changed where it is stored";

const refuse = (message: string, options: { readonly hint: string; readonly cause?: unknown }): never => {
  throw new TaskValidationError({ subject: "a payload", issues: [{ path: "", message }] }, options);
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
      if (issue !== undefined)
        throw new TaskValidationError(
          { subject: "a payload", issues: [issue] },
          { hint: issue.message === TOO_DEEP ? NEST_LESS : PLAIN_DATA },
        );
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
      refuse("it is not JSON", { hint: UNREADABLE, cause: error });
    }
    // A text of n characters nests n / 2 levels at most, so short ones need no walk.
    if (text.length > 2 * this.#levels && isDeeperThan(value, this.#levels))
      refuse(TOO_DEEP, { hint: NEST_LESS });
    if (maySpellPrototype(text)) dropPrototypeKeys(value);
    return value;
  }
}
