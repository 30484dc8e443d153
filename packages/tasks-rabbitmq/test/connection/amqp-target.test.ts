import type { TaskConfigError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { targetOfFields, targetOfUrl } from "../../src/connection/amqp-target.ts";

function refusal(url: unknown): TaskConfigError {
  try {
    targetOfUrl(url, "amqpUrl");
  } catch (error) {
    return error as TaskConfigError;
  }
  throw new Error("it was taken");
}

describe("an AMQP address", () => {
  test("has defaults for all but its host", () => {
    expect(targetOfUrl("amqp://rabbit", "url").target).toEqual({
      protocol: "amqp",
      hostname: "rabbit",
      port: 5672,
      username: "guest",
      password: "guest",
      vhost: "/",
    });
  });

  test("says user, port, virtual host and settings, percent-encoded", () => {
    const url = "amqps://us%40er:p%2Fw@[::1]:5555/my%2Fhost?heartbeat=7&connection_timeout=900&frameMax=8192";
    expect(targetOfUrl(url, "url")).toEqual({
      target: {
        protocol: "amqps",
        hostname: "::1",
        port: 5555,
        username: "us@er",
        password: "p/w",
        vhost: "my/host",
        frameMax: 8192,
      },
      settings: { heartbeat: 7, connectTimeoutMs: 900 },
    });
  });

  test("takes a slash alone for the default virtual host", () => {
    expect(targetOfUrl("amqp://localhost:5672/", "url").target.vhost).toBe("/");
  });

  test.each([
    [5, "is no text"],
    ["rabbit", "is no URL"],
    ["redis://user:hunter2@host", "begins with redis://"],
    ["amqp://user:hunter2@host/a/b", "virtual host with a slash"],
    ["amqp://user:hunter2@host/%zz", "percent sign"],
    ["amqp://user:hunter2@host?heartbeat=often", "heartbeat that is no whole number"],
    ["amqp://user:hunter2@host?hartbeat=5", 'parameter "hartbeat"'],
  ])("is refused as %s, and the refusal quotes none of it", (url, reason) => {
    const { message, hint, fields } = refusal(url);
    expect(message).toContain(reason);
    expect(fields).toEqual({ path: "amqpUrl" });
    expect(`${message} ${hint}`).not.toContain("hunter2");
  });

  test("may be given by fields", () => {
    const tls = { ca: "pem" };
    expect(targetOfFields({ host: "rabbit", virtualHost: "v", user: "u", password: "p" }, tls)).toEqual({
      protocol: "amqps",
      hostname: "rabbit",
      port: 5671,
      username: "u",
      password: "p",
      vhost: "v",
      tls,
    });
  });
});
