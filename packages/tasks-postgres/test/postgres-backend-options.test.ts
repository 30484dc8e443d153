import { silentLogger, TaskConfigError } from "@lexigram/contracts";
import { Pool } from "pg";
import { describe, expect, test } from "vitest";
import { connectionOptions, schemaOf } from "../src/postgres-backend-options.ts";

const dsn = "postgres://localhost/shop";

function refusal(options: object): TaskConfigError {
  try {
    connectionOptions("the postgres backend", options, { others: ["schema"] });
  } catch (error) {
    if (error instanceof TaskConfigError) return error;
    throw error;
  }
  throw new Error("the options were taken");
}

describe("options", () => {
  test.each([
    [{}, "dsn", /give dsn or pool/],
    [{ dsn, pool: new Pool() }, "pool", /give one of the two/],
    [{ dns: dsn }, "dns", /did you mean "dsn"/],
    [{ dsn, poolSizes: 1 }, "poolSizes", /did you mean "poolSize"/],
    [{ dsn, scheme: "a" }, "scheme", /did you mean "schema"/],
    [{ dsn: 5432 }, "dsn", /use postgres:\/\/host:port\/database/],
    [{ dsn: "localhost" }, "dsn", /use postgres:\/\/host:port\/database/],
    [{ dsn: "mysql://localhost" }, "dsn", /use postgres:\/\/host:port\/database/],
    [{ pool: {} }, "pool", /new Pool/],
    [{ pool: null }, "pool", /new Pool/],
    [{ pool: new Pool(), poolSize: 3 }, "poolSize", /max/],
    [{ dsn, poolSize: 0 }, "poolSize", /from 1 to 100/],
    [{ dsn, poolSize: 1.5 }, "poolSize", /from 1 to 100/],
    [{ dsn, callTimeoutMs: 0 }, "callTimeoutMs", /from 50 to/],
    [{ dsn, callTimeoutMs: "5s" }, "callTimeoutMs", /from 50 to/],
    [{ dsn, pooler: "yes" }, "pooler", /true or false/],
    [{ dsn, clock: {} }, "clock", /clock/],
    [{ dsn, logger: {} }, "logger", /logger/],
    [{ dsn, random: 4 }, "random", /function/],
  ])("%j are refused at the option that is wrong", (options, path, hint) => {
    const error = refusal(options);
    expect(error.fields.path).toBe(path);
    expect(error.hint).toMatch(hint);
  });

  test("that are refused quote no password", () => {
    for (const bad of ["http://me:hunter2@host", "hunter2@@@:", "postgres://me:hunter2@host:port/a"]) {
      const error = refusal({ dsn: bad });
      expect(`${error.message} ${error.hint} ${JSON.stringify(error)}`).not.toContain("hunter2");
    }
  });

  test("name an address or a pool, and reach the connection as they are", () => {
    const given = { pooler: true, callTimeoutMs: 700, logger: silentLogger } as const;
    expect(connectionOptions("x", { dsn: `${dsn}?sslmode=require`, poolSize: 2, ...given })).toMatchObject({
      target: { kind: "dsn" },
      poolSize: 2,
      ...given,
    });
    const pool = new Pool();
    expect(connectionOptions("x", { pool }).target).toEqual({ kind: "pool", pool });
  });

  test("have a schema of tasks alone", () => {
    expect(schemaOf().name).toBe("lexigram");
    expect(schemaOf("shop_tasks").name).toBe("shop_tasks");
    expect(() => schemaOf("Shop")).toThrow(TaskConfigError);
  });
});
