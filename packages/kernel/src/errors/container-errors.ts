import { arrows, didYouMean, KernelError, type KernelErrorFields } from "./kernel-error.ts";

/** Nobody provides the token. */
export class MissingDependencyError extends KernelError<"LEX_ERR_CONTAINER_MISSING"> {
  readonly code = "LEX_ERR_CONTAINER_MISSING";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_MISSING"]) {
    const asked = fields.path.length > 1 ? ` (asked for by ${arrows(fields.path)})` : "";
    super(`nothing provides ${fields.token}${asked}`, fields, {
      hint: `${didYouMean(fields.nearest)}add a provider for ${fields.token} to a module, or inject it with @optional`,
    });
  }
}

/** Services need each other to be built. */
export class DependencyCycleError extends KernelError<"LEX_ERR_CONTAINER_CYCLE"> {
  readonly code = "LEX_ERR_CONTAINER_CYCLE";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_CYCLE"]) {
    super(`services need each other to be built: ${arrows(fields.path)}`, fields, {
      hint: "let one of them inject Container and resolve the other when it is used",
    });
  }
}

/** A scoped service was asked for where there is no scope. */
export class ScopeRequiredError extends KernelError<"LEX_ERR_CONTAINER_SCOPE"> {
  readonly code = "LEX_ERR_CONTAINER_SCOPE";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_SCOPE"]) {
    super(`${fields.token} lives in a scope, and there is none here: ${arrows(fields.path)}`, fields, {
      hint: "resolve it from createScope(), or make the singleton that asks for it scoped or transient",
    });
  }
}

/** A declared token has nothing bound to it yet. */
export class UnboundTokenError extends KernelError<"LEX_ERR_CONTAINER_UNBOUND"> {
  readonly code = "LEX_ERR_CONTAINER_UNBOUND";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_UNBOUND"]) {
    super(`${fields.token} is declared, and nothing is bound to it yet: ${arrows(fields.path)}`, fields, {
      hint: "resolve it after the provider that binds it has booted, or bind it in the scope first",
    });
  }
}

/** A registration came after the container was frozen. */
export class ContainerFrozenError extends KernelError<"LEX_ERR_CONTAINER_FROZEN"> {
  readonly code = "LEX_ERR_CONTAINER_FROZEN";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_FROZEN"]) {
    super(`${fields.token} cannot be registered any more`, fields, {
      hint: "register in Provider.register; in boot use bind",
    });
  }
}

/** A container or scope was used after it ended. */
export class ContainerClosedError extends KernelError<"LEX_ERR_CONTAINER_CLOSED"> {
  readonly code = "LEX_ERR_CONTAINER_CLOSED";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_CLOSED"]) {
    super(`${fields.token} was resolved from a container or scope that has ended`, fields, {
      hint: "resolve what is needed before the application stops or the scope is disposed",
    });
  }
}

/** A constructor or factory threw something that is no error of the framework; `cause` is what it threw. */
export class ConstructionError extends KernelError<"LEX_ERR_CONTAINER_CONSTRUCTION"> {
  readonly code = "LEX_ERR_CONTAINER_CONSTRUCTION";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_CONSTRUCTION"], cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`${fields.token} could not be built (${arrows(fields.path)}): ${what}`, fields, {
      cause,
      hint: "look at the cause; the path says who asked for it",
    });
  }
}

/** A class cannot be built because one of its constructor parameters names no token. */
export class NotInjectableError extends KernelError<"LEX_ERR_CONTAINER_NOT_INJECTABLE"> {
  readonly code = "LEX_ERR_CONTAINER_NOT_INJECTABLE";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_NOT_INJECTABLE"], message: string, hint: string) {
    super(message, fields, { hint });
  }
}

/** A binding is not well formed. */
export class BindingError extends KernelError<"LEX_ERR_CONTAINER_BINDING"> {
  readonly code = "LEX_ERR_CONTAINER_BINDING";
  constructor(fields: KernelErrorFields["LEX_ERR_CONTAINER_BINDING"]) {
    super(`the binding of ${fields.token} ${fields.reason}`, fields, {
      hint: "give exactly one of useValue, useClass, useFactory and useExisting",
    });
  }
}
