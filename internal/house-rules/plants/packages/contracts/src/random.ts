// breaks: nothing
export const random = (): number => Math.random();
