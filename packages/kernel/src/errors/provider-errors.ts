import { LexigramError, type LexigramErrorOptions } from "@lexigram/contracts";
import { arrows, didYouMean, KernelError, type KernelErrorFields } from "./kernel-error.ts";

const because = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** What to do about a provider that failed is what to do about its cause, where that says it. */
const causedBy = (cause: unknown, otherwise: string): LexigramErrorOptions => ({
  cause,
  hint: cause instanceof LexigramError && cause.hint !== "" ? cause.hint : otherwise,
});

/** Two providers have one name. */
export class ProviderDuplicateError extends KernelError<"LEX_ERR_PROVIDER_DUPLICATE"> {
  readonly code = "LEX_ERR_PROVIDER_DUPLICATE";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_DUPLICATE"]) {
    super(`two providers are called "${fields.provider}"`, fields, { hint: "give one of them another name" });
  }
}

/** A provider instance already serves another application. */
export class ProviderInUseError extends KernelError<"LEX_ERR_PROVIDER_IN_USE"> {
  readonly code = "LEX_ERR_PROVIDER_IN_USE";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_IN_USE"]) {
    super(`this instance of provider "${fields.provider}" already serves another application`, fields, {
      hint: "list its class or perApplication(() => new …) in the module, not the instance",
    });
  }
}

/** A provider depends on one that is not there. */
export class ProviderDependencyError extends KernelError<"LEX_ERR_PROVIDER_DEPENDENCY"> {
  readonly code = "LEX_ERR_PROVIDER_DEPENDENCY";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_DEPENDENCY"]) {
    super(`provider "${fields.provider}" depends on "${fields.dependency}", which is not there`, fields, {
      hint: `${didYouMean(fields.nearest)}import the module that brings it, or list it in optionalDependencies`,
    });
  }
}

/** Providers depend on each other in a circle. */
export class ProviderCycleError extends KernelError<"LEX_ERR_PROVIDER_CYCLE"> {
  readonly code = "LEX_ERR_PROVIDER_CYCLE";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_CYCLE"]) {
    super(`providers depend on each other in a circle: ${arrows(fields.path)}`, fields, {
      hint: "drop one of the dependencies",
    });
  }
}

/** A provider's `register` threw; `cause` is what it threw, and the hint is the cause's. */
export class ProviderRegisterError extends KernelError<"LEX_ERR_PROVIDER_REGISTER"> {
  readonly code = "LEX_ERR_PROVIDER_REGISTER";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_REGISTER"], cause: unknown) {
    super(
      `provider "${fields.provider}" failed to register: ${because(cause)}`,
      fields,
      causedBy(cause, "look at the cause; register may only bind, work belongs in boot"),
    );
  }
}

/** A provider's `boot` threw; `cause` is what it threw, and the hint is the cause's. */
export class ProviderBootError extends KernelError<"LEX_ERR_PROVIDER_BOOT"> {
  readonly code = "LEX_ERR_PROVIDER_BOOT";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_BOOT"], cause: unknown) {
    super(
      `provider "${fields.provider}" failed to boot: ${because(cause)}`,
      fields,
      causedBy(
        cause,
        "look at the cause; set required to false if the application can do without the provider",
      ),
    );
  }
}

/** A provider did not boot in time. */
export class ProviderBootTimeoutError extends KernelError<"LEX_ERR_PROVIDER_BOOT_TIMEOUT"> {
  readonly code = "LEX_ERR_PROVIDER_BOOT_TIMEOUT";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_BOOT_TIMEOUT"]) {
    super(`provider "${fields.provider}" did not boot within ${fields.timeoutMs} ms`, fields, {
      hint: "see whether what it connects to is reachable, or raise bootTimeout",
    });
  }
}

/** A provider depends on an optional one that failed to boot. */
export class ProviderSkippedError extends KernelError<"LEX_ERR_PROVIDER_SKIPPED"> {
  readonly code = "LEX_ERR_PROVIDER_SKIPPED";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_SKIPPED"]) {
    super(`provider "${fields.provider}" depends on "${fields.dependency}", which failed to boot`, fields, {
      hint: `list "${fields.dependency}" in optionalDependencies of "${fields.provider}", or make it required`,
    });
  }
}

/** A provider's `shutdown` threw; `cause` is what it threw, and the hint is the cause's. */
export class ProviderShutdownError extends KernelError<"LEX_ERR_PROVIDER_SHUTDOWN"> {
  readonly code = "LEX_ERR_PROVIDER_SHUTDOWN";
  constructor(fields: KernelErrorFields["LEX_ERR_PROVIDER_SHUTDOWN"], cause: unknown) {
    super(
      `provider "${fields.provider}" failed to shut down: ${because(cause)}`,
      fields,
      causedBy(cause, "look at the cause; the other providers were shut down all the same"),
    );
  }
}
