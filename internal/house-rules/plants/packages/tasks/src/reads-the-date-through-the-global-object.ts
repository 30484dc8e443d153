// breaks: time-is-injected
export const now = (): number => globalThis.Date.now();
