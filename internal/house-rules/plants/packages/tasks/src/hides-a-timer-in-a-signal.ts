// breaks: time-is-injected
export const limit = (): AbortSignal => AbortSignal.timeout(1);
