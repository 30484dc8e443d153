// breaks: typescript(no-misused-promises)
export function each(items: readonly string[], work: (item: string) => Promise<void>): void {
  items.forEach(async (item) => {
    await work(item);
  });
}
