import { type Token, token } from "@lexigram/contracts";
import { expect, test } from "vitest";
import { dependenciesOf, lifetimeOf } from "../src/decorators.ts";
import { type Constructor, inject, injectable, module, NotInjectableError } from "../src/index.ts";
import { boot } from "./fixtures/boot.ts";

interface Port {
  readonly number: number;
}
const Port: Token<Port> = token("test/Port");

test("a parameter without a token is found when the class is defined", () => {
  const define = (): unknown => {
    @injectable()
    class Bad {
      constructor(
        @inject(Port) readonly port: Port,
        readonly other: string,
      ) {}
    }
    return Bad;
  };
  expect(define).toThrow(NotInjectableError);
  expect(define).toThrow("constructor parameter 1 of Bad has no @inject(...)");
});

test("a token that a circular import left undefined is found when the class is defined", () => {
  const missing = undefined as unknown as Token<Port>;
  const define = (): unknown => {
    @injectable()
    class Bad {
      constructor(@inject(missing) readonly port: Port) {}
    }
    return Bad;
  };
  expect(define).toThrow(/parameter 0 of Bad is undefined/);
});

test("a parameter with a default keeps it unless it names a token", async () => {
  @injectable()
  class Server {
    constructor(
      @inject(Port) readonly port: Port,
      readonly host = "localhost",
    ) {}
  }
  await using app = await boot({ providers: [Server, { ...portBinding }] });
  expect(app.get(Server)).toMatchObject({ port: { number: 80 }, host: "localhost" });
});

const portBinding = {
  kind: "binding",
  token: Port,
  source: { useValue: { number: 80 } },
  lifetime: "singleton",
} as const;

test("a class without a constructor takes over its parent's parameters", async () => {
  @injectable()
  class Parent {
    constructor(@inject(Port) readonly port: Port) {}
  }
  @injectable()
  class Child extends Parent {
    readonly extra = true;
  }
  expect(dependenciesOf(Child)).toEqual(dependenciesOf(Parent));
  await using app = await boot({ providers: [Child, portBinding] });
  expect(app.get(Child).port.number).toBe(80);
});

test("a class with a constructor of its own does not", async () => {
  @injectable()
  class Parent {
    constructor(@inject(Port) readonly port: Port) {}
  }
  @injectable()
  class Child extends Parent {
    constructor() {
      super({ number: 1 });
    }
  }
  await using app = await boot({ providers: [Child] });
  expect(app.get(Child).port.number).toBe(1);
});

test("a class that needs injection and is not injectable is refused", async () => {
  class Undecorated {
    constructor(readonly port: Port) {}
  }
  @injectable()
  class Parent {
    constructor(@inject(Port) readonly port: Port) {}
  }
  class Heir extends Parent {}
  for (const target of [Undecorated, Heir])
    await expect(boot({ providers: [target as Constructor, portBinding] })).rejects.toBeInstanceOf(
      NotInjectableError,
    );
});

test("a class without parameters needs no decorator", async () => {
  class Simple {
    readonly value = 1;
  }
  @module({ providers: [Simple], exports: [Simple] })
  class SimpleModule {}
  await using app = await boot({ modules: [SimpleModule] });
  expect(app.get(Simple).value).toBe(1);
});

test("the lifetime is a singleton's unless said otherwise", () => {
  @injectable()
  class One {}
  @injectable({ lifetime: "scoped" })
  class Two {}
  expect([lifetimeOf(One), lifetimeOf(Two)]).toEqual(["singleton", "scoped"]);
});
