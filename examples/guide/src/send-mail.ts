import { Application, inject, injectable } from "@lexigram/kernel";
import { handles, task, type TaskContext, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { z } from "zod";

// The contract: all that a producer imports. Callers may leave the subject out, the handler always gets one.
const Mail = z.object({ to: z.email(), subject: z.string().default("Welcome") });
const sendMail = task({
  name: "mail.send",
  input: Mail,
  output: z.object({ messageId: z.string() }),
  maxRetries: 5,
});

class Smtp {
  deliver(to: string, subject: string): string {
    return `${subject.toLowerCase()}:${to}`;
  }
}

@injectable()
class MailTasks {
  constructor(@inject(Smtp) private readonly smtp: Smtp) {}

  @handles(sendMail)
  async send({ to, subject }: z.output<typeof Mail>, ctx: TaskContext) {
    console.log(`attempt ${ctx.attempt} for ${to}, cause: ${ctx.headers["correlation-id"]}`);
    return { messageId: this.smtp.deliver(to, subject) };
  }
}

const app = await Application.boot({
  modules: [TasksModule.configure(), TasksModule.scope(MailTasks)],
  providers: [Smtp],
});
const tasks = app.get(TaskDispatcher);

const handle = await tasks.enqueue(sendMail, { to: "ada@example.com" }, { correlationId: "signup-7" });
const { messageId } = await handle.result({ timeout: "10s" });
console.log(messageId, await handle.status());

const refused = await tasks.tryEnqueue(sendMail, { to: "nobody" });
if (!refused.ok) console.log(refused.error.code, refused.error.message);
await app.close();
