// breaks: time-is-injected
export const soon = (callback: () => void): unknown => setImmediate(callback);
