import { TaskConfigError, TaskValidationError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { CodecRegistry, type CodecRegistryOptions } from "../../src/job/codec-registry.ts";
import type { Codec, Envelope } from "../../src/job/envelope.ts";

const json = (data: string): { data: string; encoding: string } => ({ data, encoding: "json" });
const nested = (levels: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? { in: value } : [value];
  return value;
};

function refusal(run: () => unknown): TaskValidationError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TaskValidationError);
    return error as TaskValidationError;
  }
  throw new Error("it was accepted");
}

/** Text as char codes, to have a codec that is not JSON. */
const codes: Codec = {
  encoding: "codes",
  encode: (value) => {
    if (value === "impossible") throw new Error("no such code");
    return Uint8Array.from(Buffer.from(JSON.stringify(value)));
  },
  decode: (data) => JSON.parse(Buffer.from(data as Uint8Array).toString()) as unknown,
};

describe("envelopes", () => {
  const codecs = new CodecRegistry();

  test("come back as they were", () => {
    const envelope: Envelope = { v: 1, input: { a: [1, null, "ü"] }, policy: { maxRetries: 2 } };
    const body = codecs.encode(envelope, "x");
    expect(body).toEqual({ data: JSON.stringify(envelope), encoding: "json" });
    expect(codecs.decode(body)).toEqual(envelope);
    expect(codecs.decode({ ...body, data: Buffer.from(body.data as string) })).toEqual(envelope);
  });

  test("keep fields that are unknown here", () => {
    const newer = '{"v":1,"input":1,"shape":{"of":"tomorrow"}}';
    expect(codecs.encode(codecs.decode(json(newer)), "x").data).toBe(newer);
  });

  test("of a newer version are refused with what to do", () => {
    const error = refusal(() => codecs.decode(json('{"v":2,"input":1}')));
    expect(error.message).toContain("version 2 is unknown here; version 1 is known");
    expect(error.hint).toContain("update this process");
  });

  test.each(["", "null", "[]", '"text"', "{}", '{"v":"1"}', "{", "undefined"])("are not %j", (data) => {
    expect(() => codecs.decode(json(data))).toThrow(TaskValidationError);
  });

  test.each([
    ["policy", 5],
    ["policy", null],
    ["policy", []],
    ["policy.maxRetries", { maxRetries: -1 }],
    ["policy.maxRetries", { maxRetries: 1.5 }],
    ["policy.timeoutMs", { timeoutMs: 0 }],
    ["policy.timeoutMs", { timeoutMs: "5" }],
    ["policy.deadline", { deadline: "tomorrow" }],
    ["policy.backoff", { backoff: 5 }],
    ["policy.backoff.strategy", { backoff: { strategy: "no" } }],
    ["policy.backoff.baseDelayMs", { backoff: { baseDelayMs: "z" } }],
    ["policy.backoff.maxDelayMs", { backoff: { maxDelayMs: -1 } }],
    ["policy.backoff.factor", { backoff: { factor: 0 } }],
    ["policy.backoff.jitter", { backoff: { jitter: -9 } }],
    ["policy.labels", { labels: ["a"] }],
    ["policy.labels", { labels: { a: 1 } }],
  ])("with a wrong %s are refused: %j", (path, policy) => {
    const error = refusal(() => codecs.decode(json(JSON.stringify({ v: 1, policy }))));
    expect(error.fields.issues.map((issue) => issue.path)).toEqual([path]);
  });

  test("keep a policy of every field, and fields of it that are unknown here", () => {
    const backoff = { strategy: "linear", baseDelayMs: 0, factor: 1, maxDelayMs: 5, jitter: 1, more: "x" };
    const policy = { maxRetries: 0, timeoutMs: null, deadline: 5.5, backoff, labels: { a: "b" }, more: 1 };
    expect(codecs.decode(json(JSON.stringify({ v: 1, policy }))).policy).toEqual(policy);
  });

  test("in bytes that are no UTF-8 are refused", () => {
    const body = { data: Uint8Array.of(0x22, 0xff, 0x22), encoding: "json" };
    expect(() => codecs.decode(body)).toThrow("it is not JSON");
  });

  test.each([
    '{"v":1,"input":{"__proto__":{"admin":true},"a":[{"__proto__":1,"b":2}]}}',
    String.raw`{"v":1,"input":{"\u005f_proto__":{"admin":true},"a":[{"_\u005Fproto_\u005f":1,"b":2}]}}`,
  ])("lose their __proto__ keys: %s", (data) => {
    const { input } = codecs.decode(json(data)) as { input: { a: object[] } };
    expect(Object.keys(input)).toEqual(["a"]);
    expect(Object.keys(input.a[0]!)).toEqual(["b"]);
    expect((Object.assign({}, input) as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe("limits", () => {
  test("of size count bytes, and are what the registry was given", () => {
    const codecs = new CodecRegistry({ maxPayloadBytes: 100 });
    expect(codecs.encode({ v: 1, input: "x".repeat(80) }, "x").data).toHaveLength(98);
    const error = refusal(() => codecs.encode({ v: 1, input: "ü".repeat(80) }, "the input"));
    expect(error.fields).toEqual({
      subject: "the input",
      issues: [{ path: "", message: "it takes 178 bytes, and 100 are allowed" }],
    });
  });

  test("of depth hold on the way in and on the way out", () => {
    const codecs = new CodecRegistry({ maxDepth: 5 });
    const body = codecs.encode({ v: 1, input: nested(5) }, "x");
    expect(codecs.decode(body).input).toEqual(nested(5));
    expect(refusal(() => codecs.encode({ v: 1, input: nested(6) }, "x")).message).toContain(
      "nested too deep",
    );
    const deep = new CodecRegistry().encode({ v: 1, input: nested(6) }, "x");
    expect(refusal(() => codecs.decode(deep)).message).toContain("nested too deep");
  });

  test("are 64 levels and a mebibyte by default", () => {
    const codecs = new CodecRegistry();
    expect(codecs.decode(codecs.encode({ v: 1, input: nested(64) }, "x")).input).toEqual(nested(64));
    refusal(() => codecs.encode({ v: 1, input: nested(65) }, "x"));
    expect(codecs.maxPayloadBytes).toBe(1_048_576);
    const text = `{"v":1,"input":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    refusal(() => codecs.decode(json(text)));
  });

  test("that are none are refused", () => {
    expect(() => new CodecRegistry({ maxdepth: 3 } as CodecRegistryOptions)).toThrow('no option "maxdepth"');
    expect(() => new CodecRegistry({ maxDepth: 0 })).toThrow(TaskConfigError);
    expect(() => new CodecRegistry({ maxPayloadBytes: 1.5 })).toThrow("maxPayloadBytes");
  });
});

describe("values", () => {
  const codecs = new CodecRegistry();

  test.each([[undefined], [null], [0], [""], [false], [[1]], [{ a: { b: "c" } }]])(
    "come back as they were: %j",
    (value) => {
      expect(codecs.decodeValue(codecs.encodeValue(value, "a result"))).toEqual(value);
    },
  );

  test("without a body are undefined", () => {
    expect(codecs.decodeValue(undefined)).toBeUndefined();
  });

  test("leave out what is undefined in objects, and write dates and others by their toJSON", () => {
    const value = { a: undefined, at: new Date(0), own: { toJSON: () => ({ b: 1 }) } };
    expect(codecs.decodeValue(codecs.encodeValue(value, "x"))).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      own: { b: 1 },
    });
    expect(
      refusal(() => codecs.encodeValue({ own: { toJSON: () => ({ b: () => 1 }) } }, "x")).fields.issues,
    ).toEqual([{ path: "own.b", message: "a function is no data" }]);
  });

  test("may appear twice, as long as they do not contain themselves", () => {
    const shared = { n: 1 };
    const date = new Date(0);
    expect(codecs.encodeValue([shared, shared, date], "x").data).toBe(
      '[{"n":1},{"n":1},"1970-01-01T00:00:00.000Z"]',
    );
  });
});

describe("codecs", () => {
  test("are chosen by default for writing and by the body for reading", () => {
    const codecs = new CodecRegistry({ codecs: [codes], default: "codes" });
    const body = codecs.encode({ v: 1, input: "a" }, "x");
    expect(body.encoding).toBe("codes");
    expect(codecs.decode(body).input).toBe("a");
    expect(codecs.decode(json('{"v":1,"input":"b"}')).input).toBe("b");
    expect(codecs.encodings()).toEqual(["json", "codes"]);
  });

  test("of others are held to the same depth, and their errors are refusals", () => {
    const codecs = new CodecRegistry({ codecs: [codes], default: "codes", maxDepth: 2 });
    refusal(() => codecs.encode({ v: 1, input: nested(3) }, "x"));
    refusal(() =>
      codecs.decode({ data: Buffer.from(JSON.stringify({ v: 1, input: nested(3) })), encoding: "codes" }),
    );
    const error = refusal(() => codecs.encodeValue("impossible", "the result"));
    expect(error.message).toBe("the result is invalid: no such code");
    expect(error.cause).toBeInstanceOf(Error);
  });

  test("that throw what cannot be read refuse all the same", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const toJSON = (): never => {
      throw proxy; // oxlint-disable-line typescript/only-throw-error -- what no Error is, is the subject
    };
    const error = refusal(() => new CodecRegistry().encode({ v: 1, input: { toJSON } }, "the input"));
    expect(error.message).toContain("the input is invalid");
  });

  test("that are not there are refused with those that are", () => {
    const error = refusal(() => new CodecRegistry().decode({ data: "", encoding: "jsom" }));
    expect(error.message).toContain('there is no codec for the encoding "jsom"');
    expect(error.hint).toBe('codecs of this process: json; did you mean "json"?');
    expect(() => new CodecRegistry({ default: "msgpack" })).toThrow(TaskConfigError);
    expect(() => new CodecRegistry({ codecs: [codes, codes] })).toThrow(
      'two codecs claim the encoding "codes"',
    );
  });
});
