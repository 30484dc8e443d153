/**
 * The Standard Schema interface, version 1 (standardschema.dev), restated so that nothing has to be installed for
 * it: zod, valibot, arktype and others implement it.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

export interface StandardSchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

export type AnySchema = StandardSchemaV1<any, any>; // oxlint-disable-line typescript/no-explicit-any -- variance: a schema of anything
export type SchemaInput<S extends AnySchema> = NonNullable<S["~standard"]["types"]>["input"];
export type SchemaOutput<S extends AnySchema> = NonNullable<S["~standard"]["types"]>["output"];
