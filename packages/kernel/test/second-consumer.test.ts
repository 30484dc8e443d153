import { expect, test } from "vitest";
import {
  type Application,
  inject,
  injectable,
  module,
  ModuleVisibilityError,
  provide,
} from "../src/index.ts";
import { boot } from "./fixtures/boot.ts";
import { FakeClock } from "./fixtures/fake-clock.ts";
import { Greeter, GreetingsModule, Phrases } from "./fixtures/greetings.ts";

@injectable()
class Reception {
  constructor(@inject(Greeter) private readonly greeter: Greeter) {}
  receive(name: string): string {
    return this.greeter.greet(name);
  }
}

const greetings = GreetingsModule.configure({ exclamationMarks: 2 });

@module({ imports: [greetings], providers: [Reception] })
class HotelModule {}

test("a feature is configured, booted, injected and stopped", async () => {
  const clock = new FakeClock();
  let kept: Application;
  {
    await using app = await boot({ modules: [HotelModule], clock });
    kept = app;
    expect(app.get(Reception).receive("Ada")).toBe(`Hello, Ada!! (${clock.now()})`);
    expect((await app.health()).status).toBe("healthy");
  }
  expect(kept.state).toBe("stopped");
  expect((await kept.health()).status).toBe("unhealthy");
});

test("files and variables go above what the module's factory was given", async () => {
  await using app = await boot({
    modules: [GreetingsModule.configure({ language: "en", exclamationMarks: 2 })],
    config: { greetings: { exclamation_marks: 3 } },
    env: { LEX_GREETINGS__LANGUAGE: "es" },
    clock: new FakeClock(),
  });
  expect(app.get(Greeter).greet("Ada")).toMatch(/^Hola, Ada!!! /);
});

test("what the feature keeps to itself cannot be injected elsewhere", async () => {
  @injectable()
  class Thief {
    constructor(@inject(Phrases) readonly phrases: Phrases) {}
  }
  @module({ imports: [GreetingsModule.configure()], providers: [Thief] })
  class CellarModule {}

  const error = await boot({ modules: [CellarModule] }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ModuleVisibilityError);
  expect(error).toMatchObject({
    code: "LEX_ERR_MODULE_VISIBILITY",
    fields: { token: "Phrases", module: "CellarModule", consumer: "Thief", providedBy: ["GreetingsModule"] },
    hint: 'add Phrases to exports of "GreetingsModule", and import it in "CellarModule"',
  });
});

test("a test puts its own service in place of the feature's", async () => {
  await using app = await boot({
    modules: [HotelModule],
    overrides: [provide(Greeter, { useValue: { greet: (name) => `fake ${name}` } })],
  });
  expect(app.get(Reception).receive("Ada")).toBe("fake Ada");
});
