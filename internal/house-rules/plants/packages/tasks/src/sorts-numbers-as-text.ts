// breaks: typescript(require-array-sort-compare)
export const sorted = (values: number[]): number[] => values.toSorted();
