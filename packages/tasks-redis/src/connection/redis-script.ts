import { createHash } from "node:crypto";

/** A Lua script. It is run by the hash of its content, so that processes of different versions run side by side. */
export class RedisScript {
  readonly name: string;
  readonly source: string;
  readonly sha: string;

  constructor(name: string, source: string) {
    this.name = name;
    this.source = source;
    this.sha = createHash("sha1").update(source).digest("hex");
  }
}
