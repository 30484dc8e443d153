/** Code units whose order UTF-8 would change, or that UTF-8 cannot hold by themselves. */
const HIGH = /[\ud800-\uffff]/;

const FIRST_SURROGATE = 0xd800;
const SURROGATES = 0x800;

/**
 * A text as it is stored where the server compares bytes: one character for each code unit, so that the order of bytes
 * is the order of code units, a prefix stays a prefix, and halves of surrogate pairs survive. Code units below U+D800
 * stay what they are; those above step over the surrogates, which no UTF-8 holds.
 */
export function toOrderedText(text: string): string {
  if (!HIGH.test(text)) return text;
  let stored = "";
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    stored += String.fromCodePoint(unit < FIRST_SURROGATE ? unit : unit + SURROGATES);
  }
  return stored;
}

/** The text that {@link toOrderedText} was given. */
export function fromOrderedText(stored: string): string {
  if (!HIGH.test(stored)) return stored;
  let text = "";
  for (const character of stored) {
    const point = character.codePointAt(0) as number;
    text += point < FIRST_SURROGATE ? character : String.fromCharCode(point - SURROGATES);
  }
  return text;
}
