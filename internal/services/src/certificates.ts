import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { newDir } from "./private-servers.ts";

/** A certificate of this machine that nobody else vouches for, in a folder of its own. */
export interface OwnCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** What a client trusts. */
  readonly ca: string;
  remove(): void;
}

const READABLE = 0o644;

/**
 * Makes a certificate for `localhost` and 127.0.0.1 that vouches for itself, valid for a day.
 *
 * @param owner whose key it is, for servers that refuse a key which others may read. Default: whoever runs this, and all may read it.
 */
export function ownCertificate(owner?: string): OwnCertificate {
  const dir = newDir("cert");
  const [certFile, keyFile] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  const about = [
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-days",
    "1",
  ];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  execFileSync("openssl", ["req", "-x509", ...key, ...about, "-out", certFile], { stdio: "ignore" });
  if (owner === undefined) chmodSync(keyFile, READABLE);
  else if (process.getuid?.() === 0) execFileSync("chown", [owner, keyFile]);
  return {
    certFile,
    keyFile,
    ca: readFileSync(certFile, "utf8"),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
