import { Clock, Logger, named, type Token, token } from "@lexigram/contracts";
import {
  Application,
  type Constructor,
  inject,
  injectable,
  injectAll,
  type Injectable,
  module,
  type Provider,
  optional,
  provide,
} from "../src/index.ts";

// Checked by the compiler alone: each @ts-expect-error is a mistake that must not compile.

interface Mailer {
  send(to: string): void;
}
const Mailer: Token<Mailer> = token("types/Mailer");

class Smtp implements Mailer {
  send(_to: string): void {}
  readonly host = "localhost";
}

@injectable()
export class Right {
  constructor(
    @inject(Mailer) readonly mailer: Mailer,
    @inject(named(Mailer, "bulk")) readonly bulk: Mailer,
    @inject(Smtp) readonly smtp: Mailer,
    @injectAll(Mailer) readonly all: readonly Mailer[],
    @optional(Clock) readonly clock?: Clock,
    @inject(Logger) private readonly logger?: Logger,
  ) {
    void this.logger;
  }
}

@injectable()
export class Wrong {
  constructor(
    // @ts-expect-error -- a clock is no mailer
    @inject(Clock) readonly one: Mailer,
    // @ts-expect-error -- it may not be there
    @optional(Mailer) readonly two: Mailer,
    // @ts-expect-error -- one is not all
    @inject(Mailer) readonly three: Mailer[],
    // @ts-expect-error -- all are not one
    @injectAll(Mailer) readonly four: Mailer,
    // @ts-expect-error -- a mailer has no host
    @inject(Mailer) readonly five: Smtp,
    // @ts-expect-error -- a name keeps the type
    @inject(named(Mailer, "x")) readonly six: Clock,
    // @ts-expect-error -- a union that the token may leave
    @optional(Clock) readonly seven: Clock | Mailer,
  ) {}
}

provide(Mailer, { useValue: new Smtp() });
provide(Mailer, { useClass: Smtp });
provide(Mailer, { useFactory: (container) => container.resolve(Smtp) });
provide(Mailer, { useExisting: Smtp });
// @ts-expect-error -- a text is no mailer
provide(Mailer, { useValue: "smtp" });
// @ts-expect-error -- this class cannot send
provide(Mailer, { useClass: Date });
// @ts-expect-error -- the factory makes something else
provide(Mailer, { useFactory: () => 1 });
// @ts-expect-error -- the other name stands for something else
provide(Mailer, { useExisting: Clock });
// @ts-expect-error -- misspelt
provide(Mailer, { useValeu: new Smtp() });

module({ providers: [Smtp, Right, provide(Mailer, { useClass: Smtp })], exports: [Mailer, Smtp] });
// @ts-expect-error -- misspelt
module({ provider: [] });
// @ts-expect-error -- a bare object is no binding
module({ providers: [{ useValue: 1 }] });

declare const app: Application;
export const mailer: Mailer = app.get(Mailer);
export const smtp: Smtp = app.get(Smtp);
// @ts-expect-error -- a mailer is no clock
export const clock: Clock = app.get(Mailer);
// @ts-expect-error -- misspelt
void Application.boot({ modlues: [] });

export const anyKey: Injectable<unknown> = Mailer;
export const anyClass: Constructor = Smtp;
export const provider: Provider | undefined = undefined;
