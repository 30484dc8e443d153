import { nearest } from "@lexigram/contracts";
import type { ZodType } from "zod";
import { isPlain } from "../redacted.ts";
import { ownKey, sameKey } from "./config-tree.ts";

/** A key for which the schema has no field. */
export interface UnknownField {
  readonly path: readonly string[];
  /** The field that is meant: the one that the schema names for it, else the nearest. */
  readonly nearest: string | undefined;
  /** The fields there are. */
  readonly known: readonly string[];
}

/**
 * What a schema may say about its fields, with zod's `meta`: other names that people know fields by, which are no
 * keys, and the field that each of them means.
 */
export interface FieldsMeta {
  readonly alsoKnownAs?: Readonly<Record<string, string>>;
}

/** As much of a zod schema's definition as is needed to follow its fields. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly catchall?: ZodType;
  readonly element?: ZodType;
  readonly items?: readonly ZodType[];
  readonly valueType?: ZodType;
  readonly innerType?: ZodType;
  readonly options?: readonly ZodType[];
  readonly discriminator?: string;
  readonly left?: ZodType;
  readonly right?: ZodType;
  readonly in?: ZodType;
  readonly out?: ZodType;
  readonly getter?: () => ZodType;
  readonly values?: readonly unknown[];
}

const definitionOf = (schema: ZodType): Definition => schema._zod.def;

/**
 * Brings a value's keys into the form that a schema writes them in (`worker_count` becomes `workerCount` where the
 * schema has that field; keys of records stay as they are), and takes out keys that it has no field for.
 *
 * @returns a value without the unknown keys, and these.
 */
export function fitKeys(value: unknown, schema: ZodType): { value: unknown; unknown: UnknownField[] } {
  const unknown: UnknownField[] = [];
  return { value: fit(value, [schema], [], unknown), unknown };
}

/** Whether a missing section stands for an empty one. */
export const takesFields = (schema: ZodType): boolean =>
  unwrap(schema).some((one) => definitionOf(one).type === "object");

/** Several schemas stand for one that is any of them: a key is known when one of them knows it. */
function fit(
  value: unknown,
  schemas: readonly ZodType[],
  path: readonly string[],
  unknown: UnknownField[],
): unknown {
  const candidates = fitting(value, schemas.flatMap(unwrap));
  if (Array.isArray(value))
    return value.map((item, index) => {
      const inner = candidates.flatMap((one) => itemOf(definitionOf(one), index));
      return inner.length === 0 ? item : fit(item, inner, [...path, String(index)], unknown);
    });
  if (!isPlain(value)) return value;
  const records = candidates.filter((one) => definitionOf(one).type === "record");
  const objects = candidates.filter((one) => definitionOf(one).type === "object");
  if (records.length + objects.length === 0) return value;
  const entries: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    const field = fieldName(key, value, objects);
    const inner = [
      ...objects.flatMap((one) => (field === undefined ? [] : (definitionOf(one).shape?.[field] ?? []))),
      ...records.flatMap((one) => definitionOf(one).valueType ?? []),
    ];
    const isOpen = objects.some((one) => isLoose(definitionOf(one)));
    if (inner.length > 0) entries.push([field ?? key, fit(item, inner, [...path, field ?? key], unknown)]);
    else if (isOpen || isNotObject(candidates)) entries.push([key, item]);
    else unknown.push(unknownField(key, path, objects));
  }
  return Object.fromEntries(entries);
}

function unknownField(key: string, path: readonly string[], objects: readonly ZodType[]): UnknownField {
  const known = objects.flatMap(fieldsOf);
  const meant = objects.map((one) => (one.meta() as FieldsMeta | undefined)?.alsoKnownAs?.[key]);
  return {
    path: [...path, key],
    nearest: meant.find((field) => field !== undefined) ?? nearest(key, known),
    known,
  };
}

const fieldsOf = (object: ZodType): string[] => Object.keys(definitionOf(object).shape ?? {});

const isLoose = ({ catchall }: Definition): boolean =>
  catchall !== undefined && definitionOf(catchall).type !== "never";

/** A schema that takes anything, such as `z.any()`, knows every key. */
const isNotObject = (candidates: readonly ZodType[]): boolean =>
  candidates.some((one) => ["any", "unknown", "custom", "map"].includes(definitionOf(one).type));

function fieldName(key: string, value: object, objects: readonly ZodType[]): string | undefined {
  const fields = objects.flatMap(fieldsOf);
  if (fields.includes(key)) return key;
  const field = fields.find((one) => sameKey(one, key));
  return field !== undefined && ownKey(value, field) === key ? field : undefined;
}

function itemOf(definition: Definition, index: number): readonly ZodType[] {
  if (definition.type === "array") return definition.element === undefined ? [] : [definition.element];
  return definition.type === "tuple" ? (definition.items?.slice(index, index + 1) ?? []) : [];
}

/** Of a discriminated union only the branches that the value chooses, so that fields of the others stay unknown. */
function fitting(value: unknown, schemas: readonly ZodType[]): readonly ZodType[] {
  if (!isPlain(value)) return schemas;
  const chosen = schemas.filter((schema) =>
    Object.entries(definitionOf(schema).shape ?? {}).every(([field, inner]) => {
      const { type, values } = definitionOf(inner);
      return type !== "literal" || !Object.hasOwn(value, field) || values?.includes(value[field]) === true;
    }),
  );
  return chosen.length > 0 ? chosen : schemas;
}

/** The schemas that decide about fields, behind defaults, options, unions and transformations. */
function unwrap(schema: ZodType): readonly ZodType[] {
  const { type, innerType, options, left, right, in: input, out, getter } = definitionOf(schema);
  if (innerType !== undefined) return unwrap(innerType);
  if (options !== undefined) return options.flatMap(unwrap);
  if (left !== undefined && right !== undefined) return [...unwrap(left), ...unwrap(right)];
  if (type === "pipe" && input !== undefined && out !== undefined)
    return unwrap(definitionOf(input).type === "transform" ? out : input);
  return getter === undefined ? [schema] : unwrap(getter());
}
