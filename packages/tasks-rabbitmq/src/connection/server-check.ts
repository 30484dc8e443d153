import { TaskConfigError } from "@lexigram/contracts";

export interface ServerReport {
  /** Such as `RabbitMQ`. */
  readonly product: string;
  readonly version: string;
  readonly cluster?: string;
}

/** Quorum queues know the age of a message from here on. */
const FIRST_VERSION = [3, 10] as const;

/**
 * What the server said of itself.
 *
 * @throws TaskConfigError for another product, and for a RabbitMQ that is too old.
 */
export function serverReportOf(properties: Readonly<Record<string, unknown>>): ServerReport {
  const { product, version, cluster_name: cluster } = properties;
  const report: ServerReport = {
    product: typeof product === "string" ? product : "a server without a name",
    version: typeof version === "string" ? version : "unknown",
    ...(typeof cluster === "string" ? { cluster } : {}),
  };
  const [major = 0, minor = 0] = report.version.split(".").map(Number);
  if (
    report.product !== "RabbitMQ" ||
    major < FIRST_VERSION[0] ||
    (major === FIRST_VERSION[0] && minor < FIRST_VERSION[1])
  )
    throw new TaskConfigError(
      `the server is ${report.product} ${report.version}, which is not RabbitMQ ${FIRST_VERSION.join(".")} or newer`,
      { path: "url" },
      { hint: `connect to a RabbitMQ of version ${FIRST_VERSION.join(".")} or newer` },
    );
  return report;
}
