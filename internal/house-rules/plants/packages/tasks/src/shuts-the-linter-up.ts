// breaks: unicorn(no-abusive-eslint-disable)
/* oxlint-disable */
export const dice = (): number => Math.random();
