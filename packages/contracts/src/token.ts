declare const provides: unique symbol;

/**
 * Names a service in a container and carries its type. It is a registered symbol, so two copies of a package
 * (ESM beside CJS, or two versions in one tree) agree on it.
 */
export type Token<T> = symbol & { readonly [provides]: T };

/**
 * Makes the token of a service. By convention it shares its name with the interface it stands for:
 * `export const Mailer: Token<Mailer> = token("Mailer")`.
 *
 * @param name unique among all tokens of the process; two calls with one name give the same token.
 */
export function token<T>(name: string): Token<T> {
  return Symbol.for(`@lexigram/${name}`) as Token<T>;
}

/**
 * The token of one of several services of a kind, such as the queue called "emails".
 *
 * @param base the token of the kind, which by itself stands for the unnamed (primary) one.
 * @param name the service's name; the same base and name always give the same token.
 */
export function named<T>(base: Token<T>, name: string): Token<T> {
  return Symbol.for(`${base.description}#${name}`) as Token<T>;
}

/** The readable name of a token or class, for messages: `TaskQueueProtocol#emails`. */
export function tokenName(key: symbol | { readonly name: string }): string {
  if (typeof key !== "symbol") return key.name === "" ? "(anonymous class)" : key.name;
  return (key.description ?? "(anonymous symbol)").replace(/^@lexigram\//, "");
}
