import { type Token, token } from "@lexigram/contracts";
// oxlint-disable-next-line eslint/no-restricted-imports -- proves that nothing of ours ends up on the root container
import { container as root } from "tsyringe";
import { expect, test } from "vitest";
import {
  Application,
  inject,
  injectable,
  module,
  provide,
  Provider,
  ProviderInUseError,
} from "../src/index.ts";
import { boot, quiet } from "./fixtures/boot.ts";
import { Greeter, GreetingsModule } from "./fixtures/greetings.ts";

const Counter: Token<{ n: number }> = token("test/Counter");

@injectable()
class Counting {
  constructor(@inject(Counter) readonly counter: { n: number }) {}
}

@module({ providers: [Counting, provide(Counter, { useFactory: () => ({ n: 0 }) })] })
class CountingModule {}

interface TsyringeInternals {
  readonly _registry: { readonly _registryMap: ReadonlyMap<unknown, readonly unknown[]> };
}

/** How much is registered on a tsyringe container, which has no public way of saying so. */
const registrations = (container: unknown): number =>
  [...(container as TsyringeInternals)._registry._registryMap.values()].flat().length;

test("nothing is ever registered on tsyringe's root container", async () => {
  await using app = await boot({ modules: [CountingModule, GreetingsModule.configure()] });
  app.get(Counting);
  app.get(Greeter);
  expect(registrations(root)).toBe(0);
  // The measure itself works: it sees what is there.
  const child = root.createChildContainer();
  child.register("x", { useValue: 1 });
  expect(registrations(child)).toBe(1);
});

test("two applications of one module are fully apart", async () => {
  const options = (language: string) => ({
    modules: [CountingModule, greetings],
    env: { LEX_GREETINGS__LANGUAGE: language },
  });
  const greetings = GreetingsModule.configure();
  await using one = await boot(options("en"));
  await using two = await boot(options("es"));
  one.get(Counting).counter.n = 5;
  expect(two.get(Counting)).not.toBe(one.get(Counting));
  expect(two.get(Counting).counter.n).toBe(0);
  expect(one.get(Greeter).greet("Ada")).toMatch(/^Hello/);
  expect(two.get(Greeter).greet("Ada")).toMatch(/^Hola/);
  one.hooks.registerAction("only.one", () => {});
  expect(two.hooks.hasAction("only.one")).toBe(false);
  await one.stop();
  expect(two.get(Counting).counter.n).toBe(0);
});

test("a provider instance serves one application at a time", async () => {
  class Plain extends Provider {}
  const shared = new Plain();
  const first = await boot({ providers: [shared] });
  await expect(boot({ providers: [shared] })).rejects.toBeInstanceOf(ProviderInUseError);
  await first.stop();
  await (await boot({ providers: [shared] })).stop();
});

test("an application that was never started holds on to nothing", async () => {
  class Plain extends Provider {}
  const shared = new Plain();
  void new Application({ ...quiet, providers: [shared] });
  await using app = await boot({ providers: [shared] });
  expect(app.state).toBe("running");
});
