import { silentLogger, systemClock, systemRandom, type TaskBackend } from "@lexigram/contracts";
import { type NamedBackendOptions, TaskBackendRegistry } from "@lexigram/tasks";
import { BROKEN_BUILDS } from "./builds.ts";
import { overlaid } from "./overlaid.ts";

/** A queue's entry whose backend is a broken build of its type. @throws Error for a build that there is not. */
export async function brokenEntry(
  { type = "memory", extra = {}, ...entry }: NamedBackendOptions,
  name: string,
): Promise<NamedBackendOptions> {
  const build = BROKEN_BUILDS.find((one) => one.name === name);
  if (build === undefined) throw new Error(`there is no broken build ${name}`);
  const { redisUrl, postgresDsn, amqpUrl, ...rest } = entry;
  const address = Object.fromEntries(
    Object.entries({ redisUrl, postgresDsn, amqpUrl }).filter(([, value]) => value !== undefined),
  );
  const services = { clock: systemClock, logger: silentLogger, random: systemRandom };
  const honest = await new TaskBackendRegistry().create(type, { ...address, ...extra }, services);
  const queue: TaskBackend["queue"] = (...given) => {
    const opened = honest.queue(...given);
    return overlaid(opened, build.lie(opened));
  };
  return { ...rest, backend: overlaid(honest, { queue }) };
}
