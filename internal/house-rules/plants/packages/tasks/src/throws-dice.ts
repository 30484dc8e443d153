// breaks: chance-is-injected
export const dice = (): number => Math.random();
