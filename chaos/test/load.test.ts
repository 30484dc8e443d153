import { describe, expect, test } from "vitest";
import type { Books } from "../src/accounts/books.ts";
import type { AppProcess } from "../src/run/app-process.ts";
import { Load } from "../src/run/load.ts";
import type { ProducerOrder } from "../src/processes/chaos-app.ts";

function loaded(patience = false): { load: Load; orders: ProducerOrder[] } {
  const orders: ProducerOrder[] = [];
  const producer = { order: (order: ProducerOrder) => orders.push(order) };
  return { load: new Load([producer as unknown as AppProcess], 0, patience), orders };
}

const books = (waiting: number, starts: number): Books =>
  ({ waiting, executions: { length: starts } }) as unknown as Books;

describe("the load", () => {
  test("flows until enough jobs wait, and again when few are left", () => {
    const { load, orders } = loaded();
    load.steer(books(0, 0), 10);
    load.steer(books(500, 1), 20);
    load.steer(books(700, 2), 30);
    load.steer(books(500, 3), 40);
    load.steer(books(100, 4), 50);
    expect(orders).toEqual(["flow", "hold", "flow"]);
  });

  test("flows again when no worker gets at what waits", () => {
    const { load, orders } = loaded();
    load.steer(books(700, 9), 10);
    load.steer(books(700, 9), 500);
    expect(orders).toEqual([]);
    load.steer(books(700, 9), 520);
    load.steer(books(720, 10), 530);
    expect(orders).toEqual(["flow"]);
  });

  test("waits for workers where they die all the time", () => {
    const { load, orders } = loaded(true);
    load.steer(books(700, 9), 10);
    load.steer(books(700, 9), 520);
    load.steer(books(100, 9), 530);
    expect(orders).toEqual(["flow"]);
  });

  test("is over when it is finished", () => {
    const { load, orders } = loaded();
    load.finish();
    load.steer(books(0, 0), 10);
    expect(orders).toEqual(["finish"]);
  });
});
