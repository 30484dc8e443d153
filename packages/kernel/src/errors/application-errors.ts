import { didYouMean, KernelError, type KernelErrorFields } from "./kernel-error.ts";

/** The application was given an option that does not exist. */
export class ApplicationOptionError extends KernelError<"LEX_ERR_APPLICATION_OPTION_UNKNOWN"> {
  readonly code = "LEX_ERR_APPLICATION_OPTION_UNKNOWN";
  constructor(fields: KernelErrorFields["LEX_ERR_APPLICATION_OPTION_UNKNOWN"], known: readonly string[]) {
    super(`"${fields.option}" is not an option of Application`, fields, {
      hint: `${didYouMean(fields.nearest)}options are ${known.join(", ")}`,
    });
  }
}

/** The operation is not possible in the application's present state. */
export class ApplicationStateError extends KernelError<"LEX_ERR_APPLICATION_STATE"> {
  readonly code = "LEX_ERR_APPLICATION_STATE";
  constructor(fields: KernelErrorFields["LEX_ERR_APPLICATION_STATE"], hint: string) {
    super(`${fields.operation} is not possible while the application is ${fields.state}`, fields, { hint });
  }
}

/** The application was stopped while it started; what had booted was shut down again. */
export class ApplicationStoppedError extends KernelError<"LEX_ERR_APPLICATION_STOPPED"> {
  readonly code = "LEX_ERR_APPLICATION_STOPPED";
  constructor(fields: KernelErrorFields["LEX_ERR_APPLICATION_STOPPED"]) {
    super(`application "${fields.application}" was stopped while it started`, fields, {
      hint: "nothing is wrong when it was meant: what had booted was shut down again",
    });
  }
}
