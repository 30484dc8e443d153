// Kept from the moment of loading, so that a runner's fake timers cannot take it away.
const nextTurn = setImmediate;

/** Lets one turn of the event loop pass: everything that is ready runs, and input and output are looked at. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}

/** Calls back after one turn of the event loop. */
export function afterTurn(callback: () => void): void {
  nextTurn(callback);
}
