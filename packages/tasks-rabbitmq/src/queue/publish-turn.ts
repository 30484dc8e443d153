/** Messages that are written at once. */
export const WRITTEN_AT_ONCE = 64;

/**
 * Lets what was written go out before more is: the client library writes when the turn of the event loop is over, and the
 * server should not stand idle while many messages are put into bytes.
 */
export const publishTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
