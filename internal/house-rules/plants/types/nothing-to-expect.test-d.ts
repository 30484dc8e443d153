// @ts-expect-error
export const fine: number = 1;
