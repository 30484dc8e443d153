/** The same object with some methods in the place of its own. Its private fields stay its own. */
export function overlaid<T extends object>(honest: T, over: Partial<T>): T {
  return new Proxy(honest, {
    get(target, key) {
      if (Object.hasOwn(over, key)) return Reflect.get(over, key) as unknown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
