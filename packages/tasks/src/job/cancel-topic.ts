/** The topic on which the ids of running jobs are named whose cancellation was asked for. `queueName`: the name in the store. */
export function cancelTopic(queueName: string): string {
  return `cancel:${queueName}`;
}
