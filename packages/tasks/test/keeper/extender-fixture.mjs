// A backend's module as the keeper's thread imports it. `data` is a number's memory: 0 counts renewals, 1 closes, 2 what
// it is to do: 1 ends the thread; 3 counts extenders.
export function leaseExtender(data) {
  const numbers = new Int32Array(data);
  Atomics.add(numbers, 3, 1);
  return {
    async extend(_queue, receipts) {
      if (Atomics.load(numbers, 2) === 1) process.exit(3);
      Atomics.add(numbers, 0, receipts.length);
      return { lost: [], cancelled: [] };
    },
    async close() {
      Atomics.add(numbers, 1, 1);
    },
  };
}
