// breaks: typescript(no-explicit-any)
export const takes = (value: any): void => void value;
