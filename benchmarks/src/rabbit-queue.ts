/** What the systems on RabbitMQ call their queues there, so that these can be emptied by name. */
export const rabbitQueue = (system: "ours" | "plain", type: "quorum" | "classic"): string =>
  `bench-${system}-${type}`;
