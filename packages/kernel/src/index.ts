import "reflect-metadata";

// The application
export { Application, type ApplicationState } from "./application.ts";
export type { BootOptions } from "./boot-options.ts";
export { runApplication, type RunOptions, type SignalSource } from "./run-application.ts";

// Modules and what they bring
export {
  type DynamicModule,
  module,
  type ModuleLifecycle,
  type ModuleOptions,
  moduleOptionsOf,
  type ModuleRef,
  type ProviderRef,
} from "./module.ts";
export { type Binding, provide, type ProvideOptions } from "./provide.ts";
export {
  perApplication,
  Provider,
  type ProviderClass,
  type ProviderFactory,
  ProviderPriority,
} from "./provider.ts";

// Injection
export {
  inject,
  injectable,
  type InjectableOptions,
  injectAll,
  type InjectDecorator,
  optional,
  type TokenMismatch,
} from "./decorators.ts";
export {
  type AbstractConstructor,
  type BindingSource,
  type BootContainer,
  type Constructor,
  Container,
  type ContainerRegistrar,
  type Injectable,
  type Lifetime,
  type Scope,
} from "./injection.ts";

// Configuration
export { AppConfig, type SectionReading } from "./config/app-config.ts";
export { type ConfigIssue, formatIssue, type IssueSeverity } from "./config/config-issue.ts";
export type { Environment, EnvironmentVariables } from "./config/environment.ts";
export { loadConfig, type LoadConfigOptions } from "./config/load-config.ts";
export type { FieldsMeta } from "./config/schema-keys.ts";
export { booleanSetting, durationSetting, numberSetting } from "./config/settings.ts";

// Hooks, events, health, logging
export { type HookActions, type HookFilters, type HookOptions, HookPriority, HookRegistry } from "./hooks.ts";
export { EventBus, type EventHandler } from "./event-bus.ts";
export {
  type AggregateHealth,
  DEFAULT_HEALTH_TIMEOUT_MS,
  type HealthCheck,
  type HealthCheckOptions,
  HealthRegistry,
  type HealthReport,
} from "./health.ts";
export { consoleLogger, type ConsoleLoggerOptions, type LogFormat } from "./console-logger.ts";
export { redacted, shield } from "./redacted.ts";

// Errors
export { KernelError, type KernelErrorCode, type KernelErrorFields } from "./errors/kernel-error.ts";
export { KERNEL_ERROR_CODES } from "./errors/kernel-error-codes.ts";
export {
  ApplicationOptionError,
  ApplicationStateError,
  ApplicationStoppedError,
} from "./errors/application-errors.ts";
export {
  ConfigFileError,
  ConfigInvalidError,
  ConfigRefusedError,
  ConfigVariableError,
} from "./errors/config-errors.ts";
export {
  BindingError,
  ConstructionError,
  ContainerClosedError,
  ContainerFrozenError,
  DependencyCycleError,
  MissingDependencyError,
  NotInjectableError,
  ScopeRequiredError,
  UnboundTokenError,
} from "./errors/container-errors.ts";
export {
  ModuleCycleError,
  ModuleDuplicateError,
  ModuleExportError,
  ModuleInvalidError,
  ModuleOptionError,
  ModuleVisibilityError,
} from "./errors/module-errors.ts";
export {
  ProviderBootError,
  ProviderBootTimeoutError,
  ProviderCycleError,
  ProviderDependencyError,
  ProviderDuplicateError,
  ProviderInUseError,
  ProviderRegisterError,
  ProviderShutdownError,
  ProviderSkippedError,
} from "./errors/provider-errors.ts";
