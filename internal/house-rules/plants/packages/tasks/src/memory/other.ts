// breaks: nothing
export const other = 1;
