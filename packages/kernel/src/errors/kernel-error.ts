import { LexigramError } from "@lexigram/contracts";
import type { ConfigIssue } from "../config/config-issue.ts";

/** Every error code of the kernel with the fields that it always carries. A closed list. */
export interface KernelErrorFields {
  LEX_ERR_MODULE_INVALID: { readonly module: string; readonly reason: string };
  LEX_ERR_MODULE_OPTION_UNKNOWN: {
    readonly module: string;
    readonly option: string;
    readonly nearest: string | undefined;
  };
  LEX_ERR_MODULE_CYCLE: { readonly path: readonly string[] };
  LEX_ERR_MODULE_DUPLICATE: { readonly module: string };
  LEX_ERR_MODULE_EXPORT_UNKNOWN: {
    readonly module: string;
    readonly token: string;
    readonly nearest: string | undefined;
  };
  LEX_ERR_MODULE_VISIBILITY: {
    readonly token: string;
    /** The module that asks. */
    readonly module: string;
    /** The class or binding of that module which asks. */
    readonly consumer: string;
    readonly providedBy: readonly string[];
  };
  LEX_ERR_CONTAINER_MISSING: {
    readonly token: string;
    /** From what was asked for to what is missing. */
    readonly path: readonly string[];
    readonly nearest: string | undefined;
  };
  LEX_ERR_CONTAINER_CYCLE: { readonly path: readonly string[] };
  LEX_ERR_CONTAINER_SCOPE: { readonly token: string; readonly path: readonly string[] };
  LEX_ERR_CONTAINER_UNBOUND: { readonly token: string; readonly path: readonly string[] };
  LEX_ERR_CONTAINER_FROZEN: { readonly token: string };
  LEX_ERR_CONTAINER_CLOSED: { readonly token: string };
  LEX_ERR_CONTAINER_CONSTRUCTION: { readonly token: string; readonly path: readonly string[] };
  LEX_ERR_CONTAINER_NOT_INJECTABLE: { readonly class: string; readonly parameter: number };
  LEX_ERR_CONTAINER_BINDING: { readonly token: string; readonly reason: string };
  LEX_ERR_PROVIDER_DUPLICATE: { readonly provider: string };
  LEX_ERR_PROVIDER_IN_USE: { readonly provider: string };
  LEX_ERR_PROVIDER_DEPENDENCY: {
    readonly provider: string;
    readonly dependency: string;
    readonly nearest: string | undefined;
  };
  LEX_ERR_PROVIDER_CYCLE: { readonly path: readonly string[] };
  LEX_ERR_PROVIDER_REGISTER: { readonly provider: string };
  LEX_ERR_PROVIDER_BOOT: { readonly provider: string };
  LEX_ERR_PROVIDER_BOOT_TIMEOUT: { readonly provider: string; readonly timeoutMs: number };
  LEX_ERR_PROVIDER_SKIPPED: { readonly provider: string; readonly dependency: string };
  LEX_ERR_PROVIDER_SHUTDOWN: { readonly provider: string };
  LEX_ERR_CONFIG_INVALID: { readonly issues: readonly ConfigIssue[] };
  LEX_ERR_CONFIG_REFUSED: { readonly environment: string; readonly issues: readonly ConfigIssue[] };
  LEX_ERR_CONFIG_FILE: { readonly file: string; readonly reason: string };
  LEX_ERR_CONFIG_VARIABLE: { readonly file: string; readonly path: string; readonly variable: string };
  LEX_ERR_APPLICATION_OPTION_UNKNOWN: { readonly option: string; readonly nearest: string | undefined };
  LEX_ERR_APPLICATION_STATE: { readonly operation: string; readonly state: string };
  LEX_ERR_APPLICATION_STOPPED: { readonly application: string };
}

export type KernelErrorCode = keyof KernelErrorFields;

/** The base of all errors of the kernel; `code` tells them apart and types `fields`. */
export abstract class KernelError<C extends KernelErrorCode = KernelErrorCode> extends LexigramError<
  C,
  KernelErrorFields[C]
> {}

/** The end of a hint that names what may have been meant; empty when nothing is near. */
export const didYouMean = (name: string | undefined): string =>
  name === undefined ? "" : `did you mean "${name}"? `;

/** A path of names for a message. */
export const arrows = (path: readonly string[]): string => path.join(" → ");
