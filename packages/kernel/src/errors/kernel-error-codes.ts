import type { ErrorCodeDescription } from "@lexigram/contracts";
import type { KernelErrorCode } from "./kernel-error.ts";

/** One line about every code of the kernel and what to do about it; `docs/errors.md` is compared with this. */
export const KERNEL_ERROR_CODES: Readonly<Record<KernelErrorCode, ErrorCodeDescription>> = {
  LEX_ERR_MODULE_INVALID: {
    meaning: "something in a module's lists is no module, provider or token",
    whatToDo: "decorate the class with @module, or break the circular file import that makes it undefined",
  },
  LEX_ERR_MODULE_OPTION_UNKNOWN: {
    meaning: "a module was given an option that does not exist",
    whatToDo: "correct the name; the error carries the nearest one",
  },
  LEX_ERR_MODULE_CYCLE: {
    meaning: "modules import each other in a circle",
    whatToDo: "move what both need into a third module that both import",
  },
  LEX_ERR_MODULE_DUPLICATE: {
    meaning: "one module class was configured twice, differently",
    whatToDo: "configure it once, keep the result in a constant and import that constant everywhere",
  },
  LEX_ERR_MODULE_EXPORT_UNKNOWN: {
    meaning: "a module exports what neither it nor its imports provide",
    whatToDo: "provide the token in the module, or drop it from exports",
  },
  LEX_ERR_MODULE_VISIBILITY: {
    meaning: "a module injects what another module keeps to itself",
    whatToDo: "add the token to exports of the module that provides it, and import that module",
  },
  LEX_ERR_CONTAINER_MISSING: {
    meaning: "nobody provides the token",
    whatToDo: "add a provider for it to a module, or inject it with @optional",
  },
  LEX_ERR_CONTAINER_CYCLE: {
    meaning: "services need each other to be built",
    whatToDo: "let one of them inject Container and resolve the other when it is used",
  },
  LEX_ERR_CONTAINER_SCOPE: {
    meaning: "a scoped service was asked for outside a scope, or by a singleton that would outlive it",
    whatToDo: "resolve it from createScope(), or make the service that asks scoped or transient",
  },
  LEX_ERR_CONTAINER_UNBOUND: {
    meaning: "the token was declared, and nothing is bound to it yet",
    whatToDo: "resolve it after the provider that binds it has booted, or bind it in the scope first",
  },
  LEX_ERR_CONTAINER_FROZEN: {
    meaning: "a registration came after the container was closed for registrations",
    whatToDo: "register in Provider.register; in boot use bind",
  },
  LEX_ERR_CONTAINER_CLOSED: {
    meaning: "a container or scope was used after it ended",
    whatToDo: "resolve what is needed before the application stops or the scope is disposed",
  },
  LEX_ERR_CONTAINER_CONSTRUCTION: {
    meaning: "a constructor or factory threw; the cause is attached",
    whatToDo: "look at the cause; the path says who asked for it",
  },
  LEX_ERR_CONTAINER_NOT_INJECTABLE: {
    meaning: "a class cannot be built because a parameter names no token",
    whatToDo: "put @inject(Token) on every constructor parameter and @injectable() on the class",
  },
  LEX_ERR_CONTAINER_BINDING: {
    meaning: "a binding is not well formed",
    whatToDo: "give exactly one of useValue, useClass, useFactory and useExisting",
  },
  LEX_ERR_PROVIDER_DUPLICATE: {
    meaning: "two providers have one name",
    whatToDo: "give one of them another name",
  },
  LEX_ERR_PROVIDER_IN_USE: {
    meaning: "a provider instance already serves another application",
    whatToDo: "list its class or perApplication(() => new …) in the module, not the instance",
  },
  LEX_ERR_PROVIDER_DEPENDENCY: {
    meaning: "a provider depends on one that is not there",
    whatToDo: "import the module that brings it, or list it in optionalDependencies",
  },
  LEX_ERR_PROVIDER_CYCLE: {
    meaning: "providers depend on each other in a circle",
    whatToDo: "drop one of the dependencies",
  },
  LEX_ERR_PROVIDER_REGISTER: {
    meaning: "a provider's register threw; the cause is attached",
    whatToDo: "look at the cause; register may only bind, work belongs in boot",
  },
  LEX_ERR_PROVIDER_BOOT: {
    meaning: "a provider's boot threw; what had booted was shut down again",
    whatToDo: "look at the cause; set required to false if the application can do without the provider",
  },
  LEX_ERR_PROVIDER_BOOT_TIMEOUT: {
    meaning: "a provider did not boot within its bootTimeout",
    whatToDo: "see whether what it connects to is reachable, or raise bootTimeout",
  },
  LEX_ERR_PROVIDER_SKIPPED: {
    meaning: "a provider depends on an optional one that failed to boot",
    whatToDo: "list the dependency in optionalDependencies, or make it required",
  },
  LEX_ERR_PROVIDER_SHUTDOWN: {
    meaning: "a provider's shutdown threw; the others were shut down all the same",
    whatToDo: "look at the cause",
  },
  LEX_ERR_CONFIG_INVALID: {
    meaning: "configuration holds unknown keys or values of the wrong type",
    whatToDo: "correct what the issues name; each says where the value came from",
  },
  LEX_ERR_CONFIG_REFUSED: {
    meaning: "configuration is valid and not acceptable in production",
    whatToDo: "follow the suggestions of the issues, or run in another environment",
  },
  LEX_ERR_CONFIG_FILE: {
    meaning: "a configuration file cannot be read",
    whatToDo: "see the reason: it is missing, not YAML, or not a mapping",
  },
  LEX_ERR_CONFIG_VARIABLE: {
    meaning: "a configuration file names an environment variable that is not set",
    whatToDo: "set the variable, or give a default: ${NAME:default}",
  },
  LEX_ERR_APPLICATION_OPTION_UNKNOWN: {
    meaning: "the application was given an option that does not exist",
    whatToDo: "correct the name; the error carries the nearest one",
  },
  LEX_ERR_APPLICATION_STATE: {
    meaning: "the operation is not possible in the application's present state",
    whatToDo: "start an application once, and use it while it runs",
  },
  LEX_ERR_APPLICATION_STOPPED: {
    meaning: "the application was stopped while it started",
    whatToDo: "nothing: what had booted was shut down again",
  },
};
