/** Whether a text has more than characters that are stored as they are. */
const ODD = /[^ -\ud7ff]/;

const FIRST_SURROGATE = 0xd800;
const SURROGATES = 0x800;

/**
 * A text as it is stored in a column that compares bytes (`COLLATE "C"`): the order of what is stored is the order of
 * code units, a prefix stays a prefix, and what PostgreSQL has no character for survives. Code units from U+D800 on step
 * over the surrogates, which no UTF-8 holds; U+0000 and U+0001 become U+0001 followed by U+0001 and U+0002.
 *
 * A text of 512 code units takes 2,048 bytes at most, which an index can hold.
 */
export function toOrderedText(text: string): string {
  if (!ODD.test(text)) return text;
  let stored = "";
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 2) stored += `\u0001${String.fromCharCode(unit + 1)}`;
    else stored += String.fromCodePoint(unit < FIRST_SURROGATE ? unit : unit + SURROGATES);
  }
  return stored;
}

/** The text that {@link toOrderedText} was given. */
export function fromOrderedText(stored: string): string {
  if (!ODD.test(stored)) return stored;
  let text = "";
  let escaped = false;
  for (const character of stored) {
    const point = character.codePointAt(0) as number;
    if (escaped) {
      text += String.fromCharCode(point - 1);
      escaped = false;
    } else if (point === 1) escaped = true;
    else text += point < FIRST_SURROGATE ? character : String.fromCharCode(point - SURROGATES);
  }
  return text;
}
