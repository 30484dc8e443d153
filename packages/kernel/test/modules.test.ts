import { named, type Token, token } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import {
  type Constructor,
  type DynamicModule,
  inject,
  injectable,
  module,
  ModuleCycleError,
  ModuleDuplicateError,
  ModuleExportError,
  ModuleInvalidError,
  ModuleOptionError,
  type ModuleOptions,
  ModuleVisibilityError,
  optional,
  provide,
  Provider,
  type ContainerRegistrar,
} from "../src/index.ts";
import { boot } from "./fixtures/boot.ts";

const Engine: Token<string> = token("test/Engine");
const Wheel: Token<string> = token("test/Wheel");

const failure = async (...modules: (Constructor | DynamicModule)[]): Promise<unknown> =>
  boot({ modules }).then(
    () => undefined,
    (error: unknown) => error,
  );

/** A fresh module class with these options. */
function moduleOf(name: string, options: ModuleOptions): Constructor {
  @module({ name, ...options })
  class Made {}
  return Made;
}

@injectable()
class Car {
  constructor(@inject(Engine) readonly engine: string) {}
}

const engine = provide(Engine, { useValue: "V8" });

describe("identity", () => {
  const configured: DynamicModule = { module: class Garage {}, providers: [engine], exports: [Engine] };

  test("the same configured module may be imported from several places", async () => {
    await using app = await boot({
      modules: [
        moduleOf("A", { imports: [configured], providers: [Car] }),
        moduleOf("B", { imports: [configured] }),
      ],
    });
    expect(app.container.resolveAll(Engine)).toEqual(["V8"]);
  });

  test("the bare class stands for the configuration it has elsewhere", async () => {
    const user = moduleOf("User", { imports: [configured.module], providers: [Car] });
    await using app = await boot({ modules: [user, configured] });
    expect(app.get(Car).engine).toBe("V8");
  });

  test("one class configured twice is refused", async () => {
    const error = await failure(configured, { ...configured });
    expect(error).toBeInstanceOf(ModuleDuplicateError);
    expect(error).toMatchObject({ fields: { module: "Garage" } });
  });

  test("a factory that makes a class of its own each time may be called several times", async () => {
    const scope = (name: string): DynamicModule => ({
      module: class {},
      name: `scope(${name})`,
      providers: [provide(token<string>(`test/scope/${name}`), { useValue: name })],
    });
    await using app = await boot({ modules: [scope("a"), scope("b")] });
    expect([app.get(token("test/scope/a")), app.get(token("test/scope/b"))]).toEqual(["a", "b"]);
  });

  test("a configuration takes the place of the decorator's", async () => {
    const declared = moduleOf("Declared", { providers: [engine] });
    await using app = await boot({
      modules: [{ module: declared, providers: [provide(Wheel, { useValue: "steel" })] }],
    });
    expect(app.get(Wheel)).toBe("steel");
    expect(app.container.has(Engine)).toBe(false);
  });
});

describe("refusals", () => {
  test("modules that import each other are named in a circle", async () => {
    class One {}
    class Two {}
    module({ imports: [Two] })(One);
    module({ imports: [One] })(Two);
    const error = await failure(One);
    expect(error).toBeInstanceOf(ModuleCycleError);
    expect(error).toMatchObject({ fields: { path: ["One", "Two", "One"] } });
  });

  test("a class without a decorator is no module", async () => {
    class Plain {}
    const error = await failure(moduleOf("Outer", { imports: [Plain] }));
    expect(error).toBeInstanceOf(ModuleInvalidError);
    expect((error as Error).message).toContain("Plain is not a module");
  });

  test.each<[string, object, string]>([
    ["imports", { imports: [undefined] }, "imports[0] is undefined"],
    ["exports", { exports: [undefined] }, "exports[0] is undefined"],
    ["providers", { providers: [undefined] }, "providers[0] is undefined"],
    ["providers", { providers: [{ useValue: 1 }] }, "providers[0] is no provider, class or binding"],
    ["imports", { imports: ["x"] }, "imports x, which is no module"],
  ])("an unusable entry of %s is named", async (_list, options, reason) => {
    const error = await failure(moduleOf("Odd", options));
    expect(error).toBeInstanceOf(ModuleInvalidError);
    expect((error as Error).message).toContain(reason);
  });

  test("an unknown option is refused with the nearest name, in code that the compiler did not see", async () => {
    const options = { provider: [] };
    expect(() => moduleOf("Odd", options as object)).toThrow(ModuleOptionError);
    const error = await failure({ module: class Odd {}, ...options });
    expect(error).toMatchObject({
      code: "LEX_ERR_MODULE_OPTION_UNKNOWN",
      fields: { module: "Odd", option: "provider", nearest: "providers" },
    });
  });

  test("an export that nobody provides is refused", async () => {
    const misspelt: Token<string> = token("test/Engin");
    const error = await failure(moduleOf("Empty", { providers: [engine], exports: [misspelt] }));
    expect(error).toBeInstanceOf(ModuleExportError);
    expect(error).toMatchObject({ fields: { module: "Empty", token: "test/Engin", nearest: "test/Engine" } });
  });

  test("a module that is exported has to be imported", async () => {
    const inner = moduleOf("Inner", {});
    const error = await failure(moduleOf("Outer", { exports: [inner] }));
    expect((error as Error).message).toContain("without importing it");
  });
});

describe("visibility", () => {
  const privateEngine = moduleOf("EngineModule", { providers: [engine] });
  const publicEngine = moduleOf("EngineModule", { providers: [engine], exports: [Engine] });

  test("what is not exported stays private", async () => {
    const error = await failure(moduleOf("CarModule", { imports: [privateEngine], providers: [Car] }));
    expect(error).toBeInstanceOf(ModuleVisibilityError);
    expect(error).toMatchObject({
      fields: { token: "test/Engine", module: "CarModule", consumer: "Car", providedBy: ["EngineModule"] },
      hint: 'add test/Engine to exports of "EngineModule", and import it in "CarModule"',
    });
  });

  test("what is exported is seen by those who import it, and by them alone", async () => {
    await (
      await boot({ modules: [moduleOf("CarModule", { imports: [publicEngine], providers: [Car] })] })
    ).stop();
    const error = await failure(publicEngine, moduleOf("CarModule", { providers: [Car] }));
    expect(error).toMatchObject({
      code: "LEX_ERR_MODULE_VISIBILITY",
      hint: 'add "EngineModule" to imports of "CarModule"',
    });
  });

  test("a private service of the same kind hides nothing: both owners are named", async () => {
    const error = await failure(
      privateEngine,
      moduleOf("OtherEngine", { providers: [provide(Engine, { useValue: "V6" })] }),
      moduleOf("CarModule", { providers: [Car] }),
    );
    expect(error).toMatchObject({ fields: { providedBy: ["EngineModule", "OtherEngine"] } });
  });

  test("exports travel on through modules and tokens that are exported again", async () => {
    const byModule = moduleOf("ByModule", { imports: [publicEngine], exports: [publicEngine] });
    const byToken = moduleOf("ByToken", { imports: [byModule], exports: [Engine] });
    await using app = await boot({
      modules: [moduleOf("CarModule", { imports: [byToken], providers: [Car] })],
    });
    expect(app.get(Car).engine).toBe("V8");
  });

  test("an import's import is not seen", async () => {
    const between = moduleOf("Between", { imports: [publicEngine] });
    const error = await failure(moduleOf("CarModule", { imports: [between], providers: [Car] }));
    expect(error).toBeInstanceOf(ModuleVisibilityError);
  });

  test("exports of a global module are seen everywhere, its private services are not", async () => {
    const global = moduleOf("Global", {
      providers: [engine, provide(Wheel, { useValue: "w" })],
      exports: [Engine],
      isGlobal: true,
    });
    await using app = await boot({ modules: [moduleOf("CarModule", { providers: [Car] }), global] });
    expect(app.get(Car).engine).toBe("V8");
    const thief = provide(token<string>("test/Thief"), { useExisting: Wheel });
    expect(await failure(global, moduleOf("Thief", { providers: [thief] }))).toBeInstanceOf(
      ModuleVisibilityError,
    );
  });

  test("what the application itself provides is seen everywhere", async () => {
    await using app = await boot({
      modules: [moduleOf("CarModule", { providers: [Car] })],
      providers: [engine],
    });
    expect(app.get(Car).engine).toBe("V8");
  });

  test("an optional service of another module is refused, not left out in silence", async () => {
    @injectable()
    class Maybe {
      constructor(@optional(Engine) readonly engine: string | undefined) {}
    }
    expect(await failure(privateEngine, moduleOf("M", { providers: [Maybe] }))).toBeInstanceOf(
      ModuleVisibilityError,
    );
    await using app = await boot({ modules: [moduleOf("M", { providers: [Maybe] })] });
    expect(app.get(Maybe).engine).toBeUndefined();
  });

  test("a factory sees no more than its module, when it asks", async () => {
    const curious = provide(Wheel, { useFactory: (container) => container.resolve(Engine) });
    await using app = await boot({ modules: [privateEngine, moduleOf("Curious", { providers: [curious] })] });
    expect(() => app.get(Wheel)).toThrow(ModuleVisibilityError);
    expect(() => app.get(Wheel)).toThrow(/test\/Wheel of module "Curious" injects test\/Engine/);
  });

  test("a module that lists classes of others sees what its importers see, and no more", async () => {
    const scope = (): DynamicModule => ({
      module: class {},
      name: "scope(Car)",
      providers: [Car],
      exports: [Car],
      seesImporters: true,
    });
    const owner = moduleOf("Owner", { imports: [scope()], providers: [engine] });
    await using app = await boot({ modules: [owner] });
    expect(app.get(Car).engine).toBe("V8");

    const nested = { ...scope(), imports: [], providers: [] };
    const inner = scope();
    const outer = moduleOf("Outer", { imports: [{ ...nested, imports: [inner] }], providers: [engine] });
    await (await boot({ modules: [outer] })).stop();

    const stranger = moduleOf("Stranger", { imports: [scope()] });
    expect(await failure(stranger, privateEngine)).toMatchObject({
      code: "LEX_ERR_MODULE_VISIBILITY",
      fields: { module: "scope(Car)", consumer: "Car" },
    });
  });

  test("what a provider registers belongs to its module", async () => {
    class EngineProvider extends Provider {
      override register(container: ContainerRegistrar): void {
        container.singleton(Engine, { useValue: "rotary" });
      }
    }
    const hidden = moduleOf("Hidden", { providers: [EngineProvider] });
    expect(await failure(hidden, moduleOf("M", { providers: [Car] }))).toBeInstanceOf(ModuleVisibilityError);
    const shown = moduleOf("Shown", { providers: [EngineProvider], exports: [Engine] });
    await using app = await boot({ modules: [moduleOf("M", { imports: [shown], providers: [Car] })] });
    expect(app.get(Car).engine).toBe("rotary");
  });

  test("a kind that is exported takes the module's own services of that kind by name along, and no others", async () => {
    const spare = named(Engine, "spare");
    @injectable()
    class Truck {
      constructor(@inject(spare) readonly engine: string) {}
    }
    const user = moduleOf("User", { providers: [Truck] });
    const garage = (exports: Token<string>[]): Constructor =>
      moduleOf("Garage", {
        providers: [engine, provide(spare, { useValue: "V2" })],
        exports,
        isGlobal: true,
      });
    await using app = await boot({ modules: [garage([Engine]), user] });
    expect(app.get(Truck).engine).toBe("V2");
    expect(await failure(garage([]), user)).toBeInstanceOf(ModuleVisibilityError);

    const near: Token<string> = token("test/Eng");
    const other = moduleOf("Other", { providers: [provide(near, { useValue: "x" })], exports: [near] });
    const hidden = moduleOf("Hidden", { imports: [other], providers: [provide(spare, { useValue: "V2" })] });
    expect(await failure(hidden, user)).toBeInstanceOf(ModuleVisibilityError);
  });

  test("a class that two modules list is one service, judged in each of them", async () => {
    const withEngine = moduleOf("With", { imports: [publicEngine], providers: [Car] });
    await using app = await boot({
      modules: [withEngine, moduleOf("Too", { imports: [publicEngine], providers: [Car] })],
    });
    expect(app.container.resolveAll(Car)).toHaveLength(1);
    const error = await failure(withEngine, moduleOf("Without", { providers: [Car] }));
    expect(error).toMatchObject({ fields: { module: "Without" } });
  });
});

describe("a module that is of no use without another", () => {
  class NeedsEngine {
    static onModuleRegistered({ has }: { readonly has: (key: Token<string>) => boolean }): void {
      if (!has(Engine)) throw new Error("an engine, please");
    }
  }

  test("refuses the start in its own words, before anything is checked or booted", async () => {
    let booted = false;
    class Slow extends Provider {
      override boot(): void {
        booted = true;
      }
    }
    // Without the refusal it would be the missing engine of Car that is reported.
    const refusal = await failure({ module: NeedsEngine, providers: [Slow, Car] });
    expect(refusal).toMatchObject({ message: "an engine, please" });
    expect(booted).toBe(false);
  });

  test("finds it wherever it is registered, also by a provider", async () => {
    class EngineProvider extends Provider {
      override register(container: ContainerRegistrar): void {
        container.singleton(Engine, { useValue: "rotary" });
      }
    }
    await using app = await boot({ modules: [{ module: NeedsEngine }], providers: [EngineProvider] });
    expect(app.get(Engine)).toBe("rotary");
  });
});
