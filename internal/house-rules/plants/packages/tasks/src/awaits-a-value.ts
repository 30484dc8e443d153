// breaks: typescript(await-thenable)
export async function wait(value: number): Promise<void> {
  await value;
}
