import { type Token, token, named } from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { KernelContainer } from "../src/container.ts";
import { registrarOf } from "../src/container-registrar.ts";
import {
  type BindingSource,
  BindingError,
  type Constructor,
  ConstructionError,
  Container,
  ContainerClosedError,
  ContainerFrozenError,
  type ContainerRegistrar,
  DependencyCycleError,
  inject,
  injectable,
  injectAll,
  MissingDependencyError,
  optional,
  provide,
  ScopeRequiredError,
  UnboundTokenError,
} from "../src/index.ts";

interface Store {
  readonly id: number;
}
const Store: Token<Store> = token("test/Store");
const Word: Token<string> = token("test/Word");

let container: KernelContainer;
let register: ContainerRegistrar;
let built = 0;

beforeEach(() => {
  container = new KernelContainer();
  register = registrarOf(container, {}, () => {});
  built = 0;
});

class MemoryStore implements Store {
  readonly id = ++built;
}

@injectable()
class Reader {
  constructor(@inject(Store) readonly store: Store) {}
}

describe("giving out", () => {
  test("a singleton is built once, when it is first asked for", () => {
    register.singleton(Store, MemoryStore);
    container.freeze();
    expect(built).toBe(0);
    expect(container.resolve(Store)).toBe(container.resolve(Store));
    expect(built).toBe(1);
  });

  test("a transient is built every time", () => {
    register.transient(Store, MemoryStore);
    container.freeze();
    expect(container.resolve(Store)).not.toBe(container.resolve(Store));
  });

  test("a class is registered under itself, and its parameters are injected", () => {
    register.singleton(Store, MemoryStore);
    register.singleton(Reader);
    container.freeze();
    expect(container.resolve(Reader).store).toBe(container.resolve(Store));
  });

  test("values may be falsy", () => {
    const Nothing: Token<undefined> = token("test/Nothing");
    const Zero: Token<number> = token("test/Zero");
    register.singleton(Nothing, { useValue: undefined });
    register.singleton(Zero, { useFactory: () => ++built - 1 });
    container.freeze();
    expect(container.resolve(Nothing)).toBeUndefined();
    expect(container.has(Nothing)).toBe(true);
    expect([container.resolve(Zero), container.resolve(Zero)]).toEqual([0, 0]);
  });

  test("a factory is called once and may resolve", () => {
    register.singleton(Word, { useFactory: (c) => `store ${c.resolve(Store).id}` });
    register.singleton(Store, MemoryStore);
    container.freeze();
    expect([container.resolve(Word), container.resolve(Word)]).toEqual(["store 1", "store 1"]);
  });

  test("another name gives the same instance, also after rebinding", () => {
    const Alias: Token<Store> = token("test/Alias");
    register.singleton(Store, MemoryStore);
    register.singleton(Alias, { useExisting: Store });
    container.freeze();
    expect(container.resolve(Alias)).toBe(container.resolve(Store));
    container.bind(Store, { id: 99 });
    expect(container.resolve(Alias).id).toBe(99);
  });

  test("of several under one key the last wins, and all can be had in order", () => {
    register.singleton(Word, { useValue: "one" });
    register.singleton(Word, { useFactory: () => "two" });
    container.freeze();
    expect(container.resolve(Word)).toBe("two");
    expect(container.resolveAll(Word)).toEqual(["one", "two"]);
    expect(container.resolveAll(Store)).toEqual([]);
  });

  test("the same class registered twice counts once", () => {
    register.singleton(Store, MemoryStore);
    register.singleton(Store, MemoryStore);
    container.freeze();
    expect(container.resolveAll(Store)).toHaveLength(1);
  });

  test("groups and optional services are injected", () => {
    @injectable()
    class Speaker {
      constructor(
        @injectAll(Word) readonly words: string[],
        @optional(Store) readonly store: Store | undefined,
        @injectAll(Reader) readonly readers: Reader[],
        @optional(Reader) readonly reader: Reader | undefined,
      ) {}
    }
    register.singleton(Speaker);
    register.singleton(Word, { useValue: "a" });
    register.singleton(Word, { useValue: "b" });
    container.freeze();
    const { words, store, readers, reader } = container.resolve(Speaker);
    expect({ words, store, readers, reader }).toEqual({
      words: ["a", "b"],
      store: undefined,
      readers: [],
      reader: undefined,
    });
  });

  test("a service that two others need is no circle", () => {
    @injectable({ lifetime: "transient" })
    class Pair {
      constructor(
        @inject(Reader) readonly one: Reader,
        @inject(Reader) readonly two: Reader,
      ) {}
    }
    register.transient(Store, MemoryStore);
    register.transient(Reader);
    register.transient(Pair);
    container.freeze();
    const pair = container.resolve(Pair);
    expect(pair.one).not.toBe(pair.two);
  });

  test("an override takes the place of all under its key", () => {
    register.singleton(Word, { useValue: "one" });
    register.singleton(Word, { useValue: "two" });
    container.override(Word, { useFactory: () => "fake" }, "singleton");
    container.freeze();
    expect(container.resolve(Word)).toBe("fake");
    expect(container.resolveAll(Word)).toEqual(["fake"]);
  });

  test("named services are services of their own", () => {
    register.singleton(Word, { useValue: "plain" });
    register.singleton(named(Word, "x"), { useValue: "named" });
    container.freeze();
    expect(container.resolve(named(Word, "x"))).toBe("named");
    expect(container.resolveOptional(named(Word, "y"))).toBeUndefined();
  });

  test("the container itself can be injected", () => {
    @injectable()
    class Locator {
      constructor(@inject(Container) readonly container: Container) {}
    }
    register.singleton(Locator);
    container.freeze();
    expect(container.resolve(Locator).container).toBe(container);
  });
});

describe("refusals", () => {
  const failure = (act: () => unknown): unknown => {
    try {
      act();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test("a missing token names the way and the nearest one", () => {
    register.singleton(named(Store, "main"), MemoryStore);
    register.singleton(Word, { useFactory: (c) => String(c.resolve(named(Store, "mian")).id) });
    container.freeze();
    const error = failure(() => container.resolve(Word));
    expect(error).toBeInstanceOf(MissingDependencyError);
    expect(error).toMatchObject({
      code: "LEX_ERR_CONTAINER_MISSING",
      fields: {
        token: "test/Store#mian",
        path: ["test/Word", "test/Store#mian"],
        nearest: "test/Store#main",
      },
      hint: expect.stringContaining('did you mean "test/Store#main"?'),
    });
  });

  test("a class that nobody registered is not built behind one's back", () => {
    container.freeze();
    expect(failure(() => container.resolve(MemoryStore))).toBeInstanceOf(MissingDependencyError);
    expect(container.resolveOptional(MemoryStore)).toBeUndefined();
    expect(built).toBe(0);
  });

  test("what a registered class misses is found when registration ends", () => {
    register.singleton(Reader);
    const error = failure(() => container.freeze());
    expect(error).toMatchObject({ fields: { path: ["Reader", "test/Store"] } });
  });

  test("a circle of classes is found when registration ends", () => {
    const A: Token<object> = token("test/A");
    @injectable()
    class ClassB {
      constructor(@inject(A) readonly a: object) {}
    }
    @injectable()
    class ClassA {
      constructor(@inject(ClassB) readonly b: ClassB) {}
    }
    register.singleton(A, ClassA);
    register.singleton(ClassB);
    expect(failure(() => container.freeze())).toMatchObject({
      code: "LEX_ERR_CONTAINER_CYCLE",
      fields: { path: ["test/A", "ClassB", "test/A"] },
    });
  });

  test("a circle through factories is found when it is walked", () => {
    register.singleton(Word, { useFactory: (c) => String(c.resolve(Store).id) });
    register.singleton(Store, { useFactory: (c) => ({ id: c.resolve(Word).length }) });
    container.freeze();
    const error = failure(() => container.resolve(Word));
    expect(error).toBeInstanceOf(DependencyCycleError);
    expect(error).toMatchObject({ fields: { path: ["test/Word", "test/Store", "test/Word"] } });
    expect(failure(() => container.resolve(Word))).toBeInstanceOf(DependencyCycleError);
  });

  test("what a constructor throws is the cause, with the way to it", () => {
    const cause = new TypeError("bad disk");
    @injectable()
    class Broken implements Store {
      readonly id = 0;
      constructor() {
        throw cause;
      }
    }
    register.singleton(Store, Broken);
    register.singleton(Reader);
    container.freeze();
    const error = failure(() => container.resolve(Reader));
    expect(error).toBeInstanceOf(ConstructionError);
    expect(error).toMatchObject({ cause, fields: { token: "test/Store", path: ["Reader", "test/Store"] } });
  });

  test("an error of the framework passes unchanged", () => {
    const own = new ContainerFrozenError({ token: "x" });
    register.singleton(Store, {
      useFactory: () => {
        throw own;
      },
    });
    register.singleton(Reader);
    container.freeze();
    expect(failure(() => container.resolve(Reader))).toBe(own);
  });

  test("a failed singleton is tried again", () => {
    let isUp = false;
    register.singleton(Word, {
      useFactory: () => {
        if (!isUp) throw new Error("not yet");
        return "up";
      },
    });
    container.freeze();
    expect(() => container.resolve(Word)).toThrow("not yet");
    isUp = true;
    expect(container.resolve(Word)).toBe("up");
  });

  test("registration ends for good; bind goes on", () => {
    register.singleton(Store, MemoryStore);
    container.freeze();
    expect(() => register.singleton(Word, { useValue: "late" })).toThrow(ContainerFrozenError);
    container.bind(Store, { id: 7 });
    container.bind(Word, "bound");
    expect([container.resolve(Store).id, container.resolve(Word)]).toEqual([7, "bound"]);
    expect(container.resolveAll(Store)).toHaveLength(1);
  });

  test("what was declared can be injected, and resolved once it is bound", () => {
    register.declare(Store);
    register.singleton(Reader);
    container.freeze();
    const error = failure(() => container.resolve(Reader));
    expect(error).toBeInstanceOf(UnboundTokenError);
    expect(error).toMatchObject({ fields: { token: "test/Store", path: ["Reader", "test/Store"] } });
    container.bind(Store, { id: 3 });
    expect(container.resolve(Reader).store.id).toBe(3);
  });

  test("a singleton cannot hold on to what lives in a scope, also not through a transient", () => {
    @injectable({ lifetime: "transient" })
    class Middle {
      constructor(@inject(Store) readonly store: Store) {}
    }
    @injectable()
    class Holder {
      constructor(@inject(Middle) readonly middle: Middle) {}
    }
    register.scoped(Store, MemoryStore);
    register.transient(Middle);
    register.singleton(Holder);
    const error = failure(() => container.freeze());
    expect(error).toBeInstanceOf(ScopeRequiredError);
    expect(error).toMatchObject({ fields: { token: "Middle", path: ["Holder", "Middle"] } });
  });

  test.each<[string, object]>([
    ["says nothing", {}],
    ["gives useValue and useClass", { useValue: 1, useClass: MemoryStore }],
    ['has an unknown option "useFactroy"; did you mean "useFactory"?', { useFactroy: () => 1 }],
    ["has a useClass that is no class", { useClass: 3 }],
    ["has a useFactory that is no function", { useFactory: 3 }],
    ["has a useExisting that is undefined", { useExisting: undefined }],
  ])("a binding that %s is refused", (reason, source) => {
    const make = (): unknown => provide(Store, source as { readonly useValue: Store });
    expect(make).toThrow(BindingError);
    expect(make).toThrow(expect.objectContaining({ fields: { token: "test/Store", reason } }));
    const given = source as Constructor<Store> | BindingSource<Store>;
    expect(() => register.singleton(Store, given)).toThrow(BindingError);
  });
});

describe("the end", () => {
  test("what the container built is disposed last first; what it was given is not", async () => {
    const order: string[] = [];
    class First {
      [Symbol.dispose](): void {
        order.push("first");
      }
    }
    @injectable()
    class Second {
      constructor(@inject(First) readonly first: First) {}
      async [Symbol.asyncDispose](): Promise<void> {
        order.push("second");
      }
    }
    register.singleton(First);
    register.singleton(Second);
    register.singleton(Store, { useValue: { id: 0, [Symbol.dispose]: () => order.push("given") } as Store });
    container.freeze();
    container.resolve(Second);
    container.resolve(Store);
    await container.dispose();
    expect(order).toEqual(["second", "first"]);
    expect(() => container.resolve(Store)).toThrow(ContainerClosedError);
  });

  test("all are disposed though one fails, and the first failure is thrown", async () => {
    const order: string[] = [];
    const make = (name: string): object => ({
      [Symbol.dispose]: () => {
        order.push(name);
        throw new Error(name);
      },
    });
    for (const name of ["a", "b"])
      register.singleton(token<object>(`test/${name}`), { useFactory: () => make(name) });
    container.freeze();
    for (const name of ["a", "b"]) container.resolve(token(`test/${name}`));
    await expect(container.dispose()).rejects.toThrow("b");
    expect(order).toEqual(["b", "a"]);
  });
});
