import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Application } from "@lexigram/kernel";
import { fileIndexApp, type Store } from "./app.ts";
import { FileIndex } from "./file-index.ts";
import { ProgressBar } from "./progress-bar.ts";
import { jsonOf, reportOf, tableOf } from "./report.ts";

const USAGE = `usage: npm start -- [folder] [--json] [--max-bytes N] [--ignore NAME]... [--redis URL | --postgres URL | --rabbitmq URL]

Indexes every file below a folder with background tasks: SHA-256, size, lines and kind.
  folder          default: this project, without what is installed or built
  --json          print the totals as one line of JSON, last
  --max-bytes N   a file of more bytes goes to the dead letters (default 268435456)
  --ignore NAME   pass over files and folders of this name; may be repeated
  --redis URL     keep the jobs on this server, such as redis://127.0.0.1:6379, instead of in memory
  --postgres URL  keep them in this database, such as postgres://user:password@127.0.0.1/name
  --rabbitmq URL  keep them in queues of this broker, such as amqp://guest:guest@127.0.0.1:5672`;

const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));
const NOT_THE_PROJECT = [".git", ".services", ".turbo", "dist", "node_modules"];

interface Addresses {
  readonly redis?: string | undefined;
  readonly postgres?: string | undefined;
  readonly rabbitmq?: string | undefined;
}

function storeOf({ redis, postgres, rabbitmq }: Addresses): Store {
  if ([redis, postgres, rabbitmq].filter((address) => address !== undefined).length > 1)
    throw new TypeError("give one of --redis, --postgres and --rabbitmq");
  if (redis !== undefined) return { type: "redis", redisUrl: redis };
  if (postgres !== undefined) return { type: "postgres", postgresDsn: postgres };
  if (rabbitmq !== undefined) return { type: "rabbitmq", amqpUrl: rabbitmq };
  return { type: "memory" };
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      "max-bytes": { type: "string" },
      ignore: { type: "string", multiple: true },
      redis: { type: "string" },
      postgres: { type: "string" },
      rabbitmq: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (positionals.length > 1) throw new TypeError("give one folder");
  const maxBytes = values["max-bytes"] === undefined ? undefined : Number(values["max-bytes"]);
  if (maxBytes !== undefined && !(Number.isInteger(maxBytes) && maxBytes > 0))
    throw new TypeError(`--max-bytes must be a whole number above 0, not "${values["max-bytes"]}"`);
  const folder = positionals[0] ?? PROJECT;
  const ignore = new Set(values.ignore ?? (positionals[0] === undefined ? NOT_THE_PROJECT : []));

  await using app = await Application.boot({
    modules: [fileIndexApp(storeOf(values))],
    config: { logging: { level: "warn" } },
  });
  const bar = new ProgressBar(process.stderr);
  const started = performance.now();
  const indexed = await app.get(FileIndex).index(folder, {
    ignore,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    onProgress: (done, total, settled) => bar.show(done, total, settled),
    onSkip: (skipped, error) => console.error(`passed over ${skipped}: ${String(error)}`),
  });
  const report = reportOf(indexed, performance.now() - started);
  console.log(tableOf(report));
  if (values.json) console.log(jsonOf(report));
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const { code, message, hint: next } = error as NodeJS.ErrnoException & { readonly hint?: string };
  const hint =
    code === "ENOENT" || code === "ENOTDIR"
      ? "the folder does not exist or is none"
      : code?.startsWith("ERR_PARSE_ARGS") === true || error instanceof TypeError
        ? USAGE
        : (next ?? "");
  console.error(`${message}\n${hint}`.trimEnd());
  process.exitCode = 1;
}
