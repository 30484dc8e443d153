import { type Token, token } from "@lexigram/contracts";
import { beforeEach, expect, test } from "vitest";
import { KernelContainer } from "../src/container.ts";
import { registrarOf } from "../src/container-registrar.ts";
import type { ContainerScope } from "../src/container-scope.ts";
import {
  Container,
  ContainerClosedError,
  type ContainerRegistrar,
  inject,
  injectable,
  ScopeRequiredError,
  UnboundTokenError,
} from "../src/index.ts";

interface Job {
  readonly id: string;
}
const Job: Token<Job> = token("test/Job");
const Shared: Token<object> = token("test/Shared");

let container: KernelContainer;
let register: ContainerRegistrar;
let ended: string[];

@injectable({ lifetime: "scoped" })
class Session {
  constructor(@inject(Job) readonly job: Job) {}
  async [Symbol.asyncDispose](): Promise<void> {
    ended.push(`session ${this.job.id}`);
  }
}

@injectable({ lifetime: "transient" })
class Handler {
  constructor(
    @inject(Session) readonly session: Session,
    @inject(Shared) readonly shared: object,
    @inject(Container) readonly container: Container,
  ) {}
  [Symbol.dispose](): void {
    ended.push("handler");
  }
}

beforeEach(() => {
  ended = [];
  container = new KernelContainer();
  register = registrarOf(container, {}, () => {});
  register.declare(Job, "scoped");
  register.singleton(Shared, { useFactory: () => ({}) });
  register.scoped(Session);
  register.transient(Handler);
  container.freeze();
});

const scopeOf = (id: string): ReturnType<Container["createScope"]> => {
  const scope = container.createScope();
  scope.bind(Job, { id });
  return scope;
};

test("a scoped service is one per scope, and singletons are shared", () => {
  const [one, two] = [scopeOf("1"), scopeOf("2")];
  expect(one.resolve(Session)).toBe(one.resolve(Session));
  expect(one.resolve(Session)).not.toBe(two.resolve(Session));
  expect(one.resolve(Handler)).not.toBe(one.resolve(Handler));
  expect(one.resolve(Handler).session).toBe(one.resolve(Session));
  expect(one.resolve(Handler).shared).toBe(two.resolve(Handler).shared);
  expect(one.resolve(Shared)).toBe(container.resolve(Shared));
});

test("inside a scope the container is the scope", () => {
  const scope = scopeOf("1");
  expect(scope.resolve(Handler).container).toBe(scope);
});

test("a value that a scope binds is seen in it alone", () => {
  const [one, two] = [scopeOf("1"), scopeOf("2")];
  const [own, shared] = [{}, container.resolve(Shared)];
  one.bind(Shared, own);
  expect(one.resolve(Handler).shared).toBe(own);
  expect(one.resolveAll(Shared)).toEqual([own]);
  expect(two.resolve(Handler).shared).toBe(shared);
  expect(one.createScope().resolve(Shared)).toBe(shared);
});

test("a singleton first needed in a scope does not belong to it", async () => {
  const seen: (string | undefined)[] = [];
  const Late: Token<{ readonly close: () => void }> = token("test/Late");
  const fresh = new KernelContainer();
  const registrar = registrarOf(fresh, {}, () => {});
  registrar.declare(Job, "scoped");
  registrar.singleton(Late, {
    useFactory: (c) => {
      seen.push(c.resolveOptional(Shared) === undefined ? undefined : "shared");
      return { close: () => {}, [Symbol.dispose]: () => void ended.push("late") };
    },
  });
  fresh.freeze();
  const scope = fresh.createScope();
  const first = scope.resolve(Late);
  await scope[Symbol.asyncDispose]();
  expect(ended).toEqual([]);
  expect(fresh.resolve(Late)).toBe(first);
  await fresh.dispose();
  expect(ended).toEqual(["late"]);
});

test("a scope may be given what the application knows nothing of", () => {
  const Own: Token<string> = token("test/Own");
  const scope = container.createScope();
  expect([scope.has(Own), scope.resolveOptional(Own)]).toEqual([false, undefined]);
  scope.bind(Own, "mine");
  expect([scope.has(Own), scope.resolveOptional(Own), container.has(Own)]).toEqual([true, "mine", false]);
});

test("what a singleton is given belongs to the application, whatever scope needed it first", async () => {
  @injectable({ lifetime: "transient" })
  class Helper {
    [Symbol.dispose](): void {
      ended.push("helper");
    }
  }
  @injectable()
  class Service {
    constructor(
      @inject(Container) readonly container: Container,
      @inject(Helper) readonly helper: Helper,
    ) {}
  }
  const fresh = new KernelContainer();
  const registrar = registrarOf(fresh, {}, () => {});
  registrar.transient(Helper);
  registrar.singleton(Service);
  fresh.freeze();
  const scope = fresh.createScope();
  expect(scope.resolve(Service).container).toBe(fresh);
  await scope[Symbol.asyncDispose]();
  expect(ended).toEqual([]);
});

test("scoped services are refused where there is no scope", () => {
  expect(() => container.resolve(Session)).toThrow(ScopeRequiredError);
  expect(() => container.resolve(Handler)).toThrow(
    expect.objectContaining({ fields: { token: "Session", path: ["Handler", "Session"] } }),
  );
});

test("a declared value that the scope has not been given is an error", () => {
  expect(() => container.createScope().resolve(Session)).toThrow(UnboundTokenError);
});

test("the end of a scope disposes what it built, last first, once", async () => {
  {
    await using scope = scopeOf("1");
    scope.resolve(Handler);
  }
  expect(ended).toEqual(["handler", "session 1"]);
  const scope = scopeOf("2");
  scope.resolve(Session);
  await Promise.all([scope[Symbol.asyncDispose](), scope[Symbol.asyncDispose]()]);
  expect(ended).toEqual(["handler", "session 1", "session 2"]);
  expect(() => scope.resolve(Session)).toThrow(ContainerClosedError);
  expect(() => scope.bind(Job, { id: "3" })).toThrow(ContainerClosedError);
});

test("a scope in which nothing is built makes no container of its own", () => {
  const scope = scopeOf("1") as ContainerScope;
  scope.resolve(Shared);
  scope.resolve(Job);
  expect(scope.builder).toBeUndefined();
  scope.resolve(Session);
  expect(scope.builder).toBeDefined();
});
