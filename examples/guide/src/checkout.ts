import { branch, chain, group, InMemoryWorkflowStateStore, step } from "@lexigram/tasks";

interface Order {
  readonly id: string;
  readonly total: number;
}

let bankIsUp = false;
const reserve = step("reserve", (order: Order) => {
  console.log("reserve", order.id);
  return order;
});
const charge = step(
  "charge",
  async (order: Order, { signal }) => {
    signal.throwIfAborted();
    if (!bankIsUp) throw new Error("the bank does not answer");
    return { ...order, paid: true };
  },
  { timeout: "5s" },
);
const tell = group([
  step("mail", ({ id }: Order) => `mailed ${id}`),
  step("stock", ({ id }: Order) => `${id} leaves the stock`),
]);
const review = step("review", (order: Order) => order);
const release = step("release", (order: Order) => order);

const stateStore = new InMemoryWorkflowStateStore();
const checkout = chain(
  reserve,
  branch((order: Order) => order.total > 1_000, review, release),
  charge,
  { name: "checkout", stateStore, workflowId: "order-7" },
).then(tell);

const order = { id: "order-7", total: 250 };
for (const up of [false, true]) {
  bankIsUp = up;
  const result = await checkout.execute(order);
  if (!result.ok) throw result.error;
  const { status, finalResult, error } = result.value;
  console.log(status, error?.message ?? finalResult);
}
