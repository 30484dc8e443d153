/** The same number, as a small integer where it is one: the difference of two large numbers is not, however small. */
export function small(value: number): number {
  const integer = value | 0;
  return integer === value ? integer : value;
}
