// breaks: time-is-injected
export const now = (): bigint => process.hrtime.bigint();
