import { describe, expect, test } from "vitest";
import { keySlot, slotOf } from "../../src/connection/key-slot.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";
import { decoded, frame, scriptFrame } from "../../src/connection/wire.ts";

describe("a frame", () => {
  test("counts bytes, not characters", () => {
    expect(frame("SET", "é", 12)).toBe("*3\r\n$3\r\nSET\r\n$2\r\né\r\n$2\r\n12\r\n");
  });

  test("names a script by its hash, or brings it along", () => {
    const script = new RedisScript("one", "return 1");
    const rest = "$1\r\n2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nx\r\n";
    const keys = Object.freeze(["a", "b"]);
    for (let again = 0; again < 2; again++) {
      expect(scriptFrame(script, keys, ["x"], true)).toBe(
        `*6\r\n$7\r\nEVALSHA\r\n$40\r\n${script.sha}\r\n${rest}`,
      );
      expect(scriptFrame(script, keys, ["x"], false)).toBe(`*6\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n${rest}`);
    }
  });

  test("follows keys that changed", () => {
    const script = new RedisScript("one", "return 1");
    const keys = ["a"];
    scriptFrame(script, keys, [], true);
    keys[0] = "b";
    expect(scriptFrame(script, keys, [], true)).toContain("$1\r\nb\r\n");
  });
});

test("a reply is decoded at every depth, and numbers and nothing stay what they are", () => {
  expect(decoded([Buffer.from("é"), 1, null, [Buffer.from("x"), [Buffer.from("")]]])).toEqual([
    "é",
    1,
    null,
    ["x", [""]],
  ]);
  expect(decoded(Buffer.from("OK"))).toBe("OK");
});

describe("a key's slot", () => {
  test.each([
    ["foo", 12_182],
    ["123456789", 0x31_c3],
    ["", 0],
    ["{user1000}.following", keySlot("user1000")],
    ["foo{}{bar}", keySlot("foo{}{bar}")],
    ["foo{{bar}}zap", keySlot("{bar")],
    ["foo{bar}{zap}", keySlot("bar")],
  ])("of %j is %d", (key, slot) => {
    expect(keySlot(key)).toBe(slot);
  });

  test("is that of the first key; without keys there is none", () => {
    const keys = Object.freeze(["foo", "{foo}x"]);
    expect([slotOf(keys), slotOf(keys), slotOf([])]).toEqual([12_182, 12_182, undefined]);
  });
});
