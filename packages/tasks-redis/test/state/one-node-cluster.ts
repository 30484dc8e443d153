import { systemClock } from "@lexigram/contracts";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { Redis } from "ioredis";

/** A cluster of one node, which refuses calls whose keys lie in several slots like any other. */
export async function oneNodeCluster(): Promise<PrivateServer> {
  const server = await privateRedis(
    "--cluster-enabled",
    "yes",
    "--cluster-config-file",
    "nodes.conf",
    "--cluster-announce-ip",
    "127.0.0.1",
  );
  const client = new Redis(server.url);
  await client.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  while (!(await client.cluster("INFO")).includes("cluster_state:ok"))
    await new Promise<void>((resolve) => systemClock.setTimer(resolve, 20));
  client.disconnect();
  return server;
}
