// breaks: unused-disable
// oxlint-disable-next-line no-debugger -- nothing here stops a debugger
export const fine = 1;
