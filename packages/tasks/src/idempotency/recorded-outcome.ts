import type { Body, JsonValue } from "@lexigram/contracts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import type { StoredIdempotency } from "./idempotency-store.ts";

/** Names the record to which a job's outcome belongs. */
export const IDEMPOTENCY_HEADER = "idempotency-key";

type StoredBody = { readonly encoding: string; readonly text?: string; readonly bytes?: string };

/** What a handler returned, as a record keeps it: by the codec of the application. */
export function recordedResult(value: unknown, codecs: CodecRegistry): JsonValue | undefined {
  if (value === undefined) return undefined;
  const { data, encoding } = codecs.encodeValue(value, "the result of a task that was submitted under a key");
  return typeof data === "string"
    ? { encoding, text: data }
    : { encoding, bytes: Buffer.from(data).toString("base64") };
}

export function resultOfRecord({ result }: StoredIdempotency, codecs: CodecRegistry): unknown {
  if (result === undefined) return undefined;
  const { encoding, text, bytes = "" } = result as unknown as StoredBody;
  const body: Body = { data: text ?? new Uint8Array(Buffer.from(bytes, "base64")), encoding };
  return codecs.decodeValue(body);
}
