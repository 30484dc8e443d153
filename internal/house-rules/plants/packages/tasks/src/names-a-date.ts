// breaks: nothing
export const epoch = (at: Date): number => at.getTime();
