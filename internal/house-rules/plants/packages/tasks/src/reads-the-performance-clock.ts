// breaks: time-is-injected
export const now = (): number => performance.now();
