import "reflect-metadata";
import { type Token, tokenName } from "@lexigram/contracts";
import { inject as tsyringeInject, injectable as tsyringeInjectable } from "tsyringe";
import { NotInjectableError } from "./errors/container-errors.ts";
import type { AbstractConstructor, Constructor, Injectable, Lifetime } from "./injection.ts";

/** Only ever seen in a compiler's message: the parameter wants one type, and the token stands for another. */
export interface TokenMismatch<Wanted, Provided> {
  readonly parameter: Wanted;
  readonly token: Provided;
}

// The brackets keep the conditional from distributing over a union, which would let `T | undefined` pass as `T`.
type Fits<Provided, Wanted, I> = [Provided] extends [Wanted] ? I : TokenMismatch<Wanted, Provided>;

/** A parameter decorator that the compiler accepts only where the parameter's type can hold a `T`. */
export type InjectDecorator<T> = <C extends AbstractConstructor, const I extends number>(
  target: C,
  key: undefined,
  index: Fits<T, ConstructorParameters<C>[I], I>,
) => void;

/** What one constructor parameter asks for. */
export interface Dependency {
  readonly key: Injectable<unknown>;
  readonly kind: "one" | "optional" | "all";
}

export interface InjectableOptions {
  /** Default `"singleton"`: one instance per application. */
  readonly lifetime?: Lifetime;
}

const DEPENDENCIES = Symbol.for("@lexigram/kernel/dependencies");
const LIFETIME = Symbol.for("@lexigram/kernel/lifetime");

const classKeys = new WeakMap<object, Token<unknown>>();
const groupKeys = new Map<Injectable<unknown>, Token<unknown>>();

/**
 * What tsyringe knows a service by. Classes get a token as well, since tsyringe would build any class that it is
 * asked for, registered or not.
 */
export function keyOf(key: Injectable<unknown>): Token<unknown> {
  if (typeof key === "symbol") return key;
  let known = classKeys.get(key);
  if (known === undefined) classKeys.set(key, (known = Symbol(tokenName(key)) as Token<unknown>));
  return known;
}

/** What tsyringe knows all services under one key by. */
export function groupKeyOf(key: Injectable<unknown>): Token<unknown> {
  let known = groupKeys.get(key);
  if (known === undefined) groupKeys.set(key, (known = Symbol(`${tokenName(key)}[]`) as Token<unknown>));
  return known;
}

/**
 * Says what a constructor parameter is given. The compiler checks it against the parameter's type.
 *
 * @throws NotInjectableError when the class is defined and the token is `undefined`, as it is when two files import
 *   each other.
 */
export function inject<T>(token: Injectable<T>): InjectDecorator<T> {
  return dependency({ key: token, kind: "one" });
}

/** Gives a constructor parameter every service under one key, in the order of registration; an empty array of none. */
export function injectAll<T>(token: Injectable<T>): InjectDecorator<T[]> {
  return dependency({ key: token, kind: "all" });
}

/** Gives a constructor parameter the service, or `undefined` when nothing provides it. */
export function optional<T>(token: Injectable<T>): InjectDecorator<T | undefined> {
  return dependency({ key: token, kind: "optional" });
}

function dependency<T>(wanted: Dependency): InjectDecorator<T> {
  return (target, _key, position) => {
    const index = position as number;
    // A circular import shows up as a token that is not there yet, which no type admits.
    const token = wanted.key as Injectable<unknown> | undefined;
    if (token === undefined)
      throw new NotInjectableError(
        { class: tokenName(target), parameter: index },
        `the token of constructor parameter ${index} of ${tokenName(target)} is undefined`,
        "the files import each other in a circle: move the token to a file of its own",
      );
    const list = (Reflect.getOwnMetadata(DEPENDENCIES, target) as Dependency[] | undefined) ?? [];
    list[index] = wanted;
    Reflect.defineMetadata(DEPENDENCIES, list, target);
    const key = wanted.kind === "all" ? groupKeyOf(token) : keyOf(token);
    tsyringeInject(key, { isOptional: wanted.kind === "optional" })(target, undefined, index);
  };
}

/**
 * Lets the container build a class. Every constructor parameter has to carry `inject`, `injectAll` or `optional`; a
 * class without a constructor takes over the parameters of the one that it extends.
 *
 * @throws NotInjectableError when the class is defined and a parameter names no token. Parameters after the first
 *   one with a default value cannot be seen, and are left to their defaults unless they name a token.
 */
export function injectable(options: InjectableOptions = {}): (target: Constructor) => void {
  return (target) => {
    const own = Reflect.getOwnMetadata(DEPENDENCIES, target) as Dependency[] | undefined;
    if (own === undefined && takesOverConstructor(target))
      for (const [index, inherited] of dependenciesOf(parentOf(target)).entries())
        dependency(inherited)(target, undefined, index as never);
    const found = (Reflect.getOwnMetadata(DEPENDENCIES, target) as Dependency[] | undefined) ?? [];
    for (let index = 0; index < Math.max(target.length, found.length); index++)
      if (found[index] === undefined)
        throw new NotInjectableError(
          { class: tokenName(target), parameter: index },
          `constructor parameter ${index} of ${tokenName(target)} has no @inject(...)`,
          "put @inject(Token), @injectAll(Token) or @optional(Token) on it",
        );
    Reflect.defineMetadata(LIFETIME, options.lifetime ?? "singleton", target);
    tsyringeInjectable()(target);
  };
}

/** What the constructor of an injectable class asks for, parameter by parameter. */
export function dependenciesOf(target: AbstractConstructor): readonly Dependency[] {
  return (Reflect.getOwnMetadata(DEPENDENCIES, target) as Dependency[] | undefined) ?? [];
}

/** The lifetime that `injectable` was given. */
export function lifetimeOf(target: AbstractConstructor): Lifetime {
  return (Reflect.getOwnMetadata(LIFETIME, target) as Lifetime | undefined) ?? "singleton";
}

/** @throws NotInjectableError when the container could not build the class. */
export function assertInjectable(target: AbstractConstructor): void {
  if (Reflect.hasOwnMetadata(LIFETIME, target)) return;
  const inherits = takesOverConstructor(target) && dependenciesOf(parentOf(target)).length > 0;
  if (target.length === 0 && !inherits) return;
  throw new NotInjectableError(
    { class: tokenName(target), parameter: 0 },
    `${tokenName(target)} has constructor parameters and is not @injectable()`,
    "put @injectable() on the class and @inject(Token) on every parameter",
  );
}

const parentOf = (target: AbstractConstructor): AbstractConstructor =>
  Object.getPrototypeOf(target) as AbstractConstructor;

/** Whether a class extends another and has no constructor of its own, also after a compiler has written one for it. */
function takesOverConstructor(target: AbstractConstructor): boolean {
  if (target.length > 0 || parentOf(target) === Function.prototype) return false;
  const source = Function.prototype.toString.call(target);
  return !/(?<![.\w$])constructor\s*\(/.test(source) || /super\(\.\.\.arguments\)/.test(source);
}
