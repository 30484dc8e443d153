// breaks: time-is-injected
export const now = (): Date => new Date();
