import {
  arrayOption,
  type Body,
  holdsOptions,
  isBody,
  nearest,
  refuseUnknownOptions,
  refuseUnless,
  serializeError,
  shown,
  TaskConfigError,
  TaskValidationError,
  told,
  type ValidationIssue,
} from "@lexigram/contracts";
import type { Codec, Envelope } from "./envelope.ts";
import { JsonCodec } from "./json-codec.ts";
import { isDeeperThan, NEST_LESS, TOO_DEEP } from "./payload-data.ts";
import { policyIssue } from "./job-policy-check.ts";

export interface CodecRegistryOptions {
  /** Codecs beside JSON. */
  readonly codecs?: readonly Codec[];
  /** The encoding of what is written; reading goes by each body's own. Default `"json"`. */
  readonly default?: string;
  /** Bytes of one body at most. Default 1 MiB. */
  readonly maxPayloadBytes?: number;
  /** Levels of arrays and objects at most. Default 64. */
  readonly maxDepth?: number;
}

const OPTION_KEYS = [
  "codecs",
  "default",
  "maxPayloadBytes",
  "maxDepth",
] as const satisfies readonly (keyof CodecRegistryOptions)[];

const DEFAULT_MAX_PAYLOAD_BYTES = 1_048_576;
const DEFAULT_MAX_DEPTH = 64;
const BODY_RULE = "must have data, a text or bytes, and the name of its encoding";

/** A UTF-16 unit is three bytes of UTF-8 at most. */
const MOST_BYTES_PER_UNIT = 3;
/** The envelope is a level of its own around what the user passed. */
const ENVELOPE_LEVELS = 1;

/**
 * Turns envelopes and results into bodies and back, within limits of size and depth, by the codec that each body
 * names. Safe to share; all methods may run concurrently.
 */
export class CodecRegistry {
  readonly maxPayloadBytes: number;
  readonly maxDepth: number;
  readonly #codecs = new Map<string, Codec>();
  readonly #writer: Codec;

  /** @throws TaskConfigError for an unknown option, a default that is not there, an encoding given twice, or a limit below 1. */
  constructor(options: CodecRegistryOptions = {}) {
    refuseUnknownOptions("CodecRegistry", options, OPTION_KEYS);
    this.maxPayloadBytes = limit(options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES, "maxPayloadBytes");
    this.maxDepth = limit(options.maxDepth ?? DEFAULT_MAX_DEPTH, "maxDepth");
    for (const codec of [
      new JsonCodec(this.maxDepth + ENVELOPE_LEVELS),
      ...arrayOption("CodecRegistry", "codecs", options.codecs ?? []),
    ]) {
      checkCodec(codec);
      if (this.#codecs.has(codec.encoding))
        throw new TaskConfigError(
          `two codecs claim the encoding "${codec.encoding}"`,
          { path: "codecs" },
          { hint: "leave one of them out; the one for json is always there" },
        );
      this.#codecs.set(codec.encoding, codec);
    }
    const wanted = options.default ?? "json";
    const writer = this.#codecs.get(wanted);
    if (writer === undefined)
      throw new TaskConfigError(
        `there is no codec for the encoding ${shown(wanted)}`,
        { path: "codec" },
        this.#hint(wanted),
      );
    this.#writer = writer;
  }

  /** The encodings that can be read. */
  encodings(): readonly string[] {
    return [...this.#codecs.keys()];
  }

  /**
   * @param subject what it is, for messages, such as `the input of task "email.send"`.
   * @throws TaskValidationError when it is too large or too deep, or holds what is no data.
   */
  encode(envelope: Envelope, subject: string): Body {
    return this.#write(envelope, subject);
  }

  /**
   * Reads an envelope of any producer. Fields that are unknown here are kept.
   *
   * @throws TaskValidationError when it cannot be read, is too deep, is of a newer version, or carries a policy whose
   * fields are of a wrong type or out of range.
   */
  decode(body: Body): Envelope {
    const value = this.#read(body);
    const envelope = value as Envelope;
    if (typeof value !== "object" || value === null || typeof (envelope.v as unknown) !== "number")
      throw invalid("the body of a job", { path: "v", message: "it is no envelope: it names no version" });
    if (envelope.v !== 1)
      throw new TaskValidationError(
        {
          subject: "the body of a job",
          issues: [
            { path: "v", message: `version ${String(envelope.v)} is unknown here; version 1 is known` },
          ],
        },
        { hint: "a newer producer wrote it; update this process before its producers" },
      );
    const issue = envelope.policy === undefined ? undefined : policyIssue(envelope.policy);
    if (issue !== undefined) throw invalid("the body of a job", issue);
    return envelope;
  }

  /** Writes a result or another single value; `undefined` is one too. Throws as {@link encode} does. */
  encodeValue(value: unknown, subject: string): Body {
    return this.#write(value, subject);
  }

  /** Reads what {@link encodeValue} wrote; no body at all is `undefined`. Throws as {@link decode} does. */
  decodeValue(body: Body | undefined): unknown {
    return body === undefined ? undefined : this.#read(body);
  }

  #write(value: unknown, subject: string): Body {
    const codec = this.#writer;
    let data: Body["data"];
    try {
      if (!(codec instanceof JsonCodec) && isDeeperThan(value, this.maxDepth + ENVELOPE_LEVELS))
        throw invalid(subject, { path: "", message: TOO_DEEP });
      data = codec.encode(value);
    } catch (error) {
      throw refusal(error, subject);
    }
    if (data.length * MOST_BYTES_PER_UNIT > this.maxPayloadBytes) this.#checkSize(data, subject);
    return { data, encoding: codec.encoding };
  }

  #checkSize(data: Body["data"], subject: string): void {
    const bytes = typeof data === "string" ? Buffer.byteLength(data) : data.length;
    if (bytes <= this.maxPayloadBytes) return;
    throw new TaskValidationError(
      {
        subject,
        issues: [{ path: "", message: `it takes ${bytes} bytes, and ${this.maxPayloadBytes} are allowed` }],
      },
      { hint: "store large data elsewhere and pass a reference to it, or raise maxPayloadBytes" },
    );
  }

  #read(body: Body): unknown {
    refuseUnless(isBody(body), "a stored body", "", BODY_RULE);
    const codec = this.#codecs.get(body.encoding);
    if (codec === undefined)
      throw new TaskValidationError(
        {
          subject: "a stored body",
          issues: [{ path: "encoding", message: `there is no codec for the encoding "${body.encoding}"` }],
        },
        this.#hint(body.encoding),
      );
    try {
      const value = codec.decode(body.data);
      if (!(codec instanceof JsonCodec) && isDeeperThan(value, this.maxDepth + ENVELOPE_LEVELS))
        throw invalid("a stored body", { path: "", message: TOO_DEEP });
      return value;
    } catch (error) {
      throw refusal(error, "a stored body");
    }
  }

  #hint(encoding: string): { hint: string } {
    const near = nearest(encoding, this.#codecs.keys());
    const meant = near === undefined ? "" : `; did you mean "${near}"?`;
    return { hint: `codecs of this process: ${[...this.#codecs.keys()].join(", ")}${meant}` };
  }
}

function limit(value: number, path: string): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new TaskConfigError(
    `${path} must be a whole number of 1 or more`,
    { path },
    { hint: "pass 1 or more, or leave it out for the default" },
  );
}

/** @throws TaskConfigError for what cannot write and read. */
function checkCodec(codec: Codec): void {
  const isCodec =
    holdsOptions(codec) &&
    typeof codec.encoding === "string" &&
    typeof codec.encode === "function" &&
    typeof codec.decode === "function";
  if (isCodec) return;
  throw new TaskConfigError(
    `codecs of CodecRegistry holds what is no codec: ${told(codec)}`,
    { path: "codecs" },
    { hint: "a codec is an object with encoding, the name of its form, encode(value) and decode(data)" },
  );
}

const OTHER_FORM = "its producer wrote it in another form, or it was changed where it is stored";
const CODEC_FAILED = "see the cause: the codec, or a toJSON of what was passed, threw";

const invalid = (subject: string, issue: ValidationIssue): TaskValidationError =>
  new TaskValidationError(
    { subject, issues: [issue] },
    { hint: issue.message === TOO_DEEP ? NEST_LESS : OTHER_FORM },
  );

/** A codec, or a toJSON, may throw what cannot be asked what it is. */
function isRefusal(error: unknown): error is TaskValidationError {
  try {
    return error instanceof TaskValidationError;
  } catch {
    return false;
  }
}

/** Names the subject in what a codec threw; paths begin at what the user passed, not at the envelope around it. */
function refusal(error: unknown, subject: string): TaskValidationError {
  if (!isRefusal(error)) {
    const { message } = serializeError(error, { stack: false });
    return new TaskValidationError(
      { subject, issues: [{ path: "", message }] },
      { hint: CODEC_FAILED, cause: error },
    );
  }
  const issues = error.fields.issues.map(({ path, message }) => ({
    path: path === "input" ? "" : path.replace(/^input\./, ""),
    message,
  }));
  return new TaskValidationError({ subject, issues }, { hint: error.hint, cause: error.cause });
}
