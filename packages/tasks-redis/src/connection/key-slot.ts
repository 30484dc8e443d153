// CRC-16/XMODEM, as Redis Cluster spreads keys.
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80_00) === 0 ? crc << 1 : (crc << 1) ^ 0x10_21;
  return crc;
});
const SLOTS = 16_384;

/** The slot of a key: of what stands between its first braces when that is not empty, else of all of it. */
export function keySlot(key: string): number {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) ^ (TABLE[(crc >> 8) ^ byte] ?? 0)) & 0xff_ff;
  return crc % SLOTS;
}

const ofFrozen = new WeakMap<readonly string[], number>();

/** The slot of a script's keys, which is that of the first. */
export function slotOf(keys: readonly string[]): number | undefined {
  const first = keys[0];
  if (first === undefined) return undefined;
  const remembered = ofFrozen.get(keys);
  if (remembered !== undefined) return remembered;
  const slot = keySlot(first);
  if (Object.isFrozen(keys)) ofFrozen.set(keys, slot);
  return slot;
}
