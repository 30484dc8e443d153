import { arrows, didYouMean, KernelError, type KernelErrorFields } from "./kernel-error.ts";

/** An entry of a module's lists cannot be used. */
export class ModuleInvalidError extends KernelError<"LEX_ERR_MODULE_INVALID"> {
  readonly code = "LEX_ERR_MODULE_INVALID";
  constructor(fields: KernelErrorFields["LEX_ERR_MODULE_INVALID"], hint: string) {
    super(`module "${fields.module}": ${fields.reason}`, fields, { hint });
  }
}

/** A module was given an option that does not exist. */
export class ModuleOptionError extends KernelError<"LEX_ERR_MODULE_OPTION_UNKNOWN"> {
  readonly code = "LEX_ERR_MODULE_OPTION_UNKNOWN";
  constructor(fields: KernelErrorFields["LEX_ERR_MODULE_OPTION_UNKNOWN"], known: readonly string[]) {
    super(`module "${fields.module}" has an unknown option "${fields.option}"`, fields, {
      hint: `${didYouMean(fields.nearest)}options are ${known.join(", ")}`,
    });
  }
}

/** Modules import each other in a circle. */
export class ModuleCycleError extends KernelError<"LEX_ERR_MODULE_CYCLE"> {
  readonly code = "LEX_ERR_MODULE_CYCLE";
  constructor(fields: KernelErrorFields["LEX_ERR_MODULE_CYCLE"]) {
    super(`modules import each other in a circle: ${arrows(fields.path)}`, fields, {
      hint: "move what both need into a third module that both import",
    });
  }
}

/** One module class was configured twice. */
export class ModuleDuplicateError extends KernelError<"LEX_ERR_MODULE_DUPLICATE"> {
  readonly code = "LEX_ERR_MODULE_DUPLICATE";
  constructor(fields: KernelErrorFields["LEX_ERR_MODULE_DUPLICATE"]) {
    super(`module "${fields.module}" is configured more than once`, fields, {
      hint: "configure it once, keep the result in a constant and import that constant, or import the bare class",
    });
  }
}

/** A module exports what neither it nor its imports provide. */
export class ModuleExportError extends KernelError<"LEX_ERR_MODULE_EXPORT_UNKNOWN"> {
  readonly code = "LEX_ERR_MODULE_EXPORT_UNKNOWN";
  constructor(fields: KernelErrorFields["LEX_ERR_MODULE_EXPORT_UNKNOWN"]) {
    super(
      `module "${fields.module}" exports ${fields.token}, which neither it nor its imports provide`,
      fields,
      {
        hint: `${didYouMean(fields.nearest)}add a provider for ${fields.token} to "${fields.module}", or import the module that exports it`,
      },
    );
  }
}

/** A module injects what another module keeps to itself. */
export class ModuleVisibilityError extends KernelError<"LEX_ERR_MODULE_VISIBILITY"> {
  readonly code = "LEX_ERR_MODULE_VISIBILITY";
  constructor(fields: KernelErrorFields["LEX_ERR_MODULE_VISIBILITY"], exportedBy: readonly string[]) {
    const owner = fields.providedBy.map((name) => `"${name}"`).join(" and ");
    const importing = exportedBy.map((name) => `"${name}"`).join(" or ");
    super(
      `${fields.consumer} of module "${fields.module}" injects ${fields.token}, which only ${owner} provides`,
      fields,
      {
        hint:
          exportedBy.length > 0
            ? `add ${importing} to imports of "${fields.module}"`
            : `add ${fields.token} to exports of ${owner}, and import it in "${fields.module}"`,
      },
    );
  }
}
