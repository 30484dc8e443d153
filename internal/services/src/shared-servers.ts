// The servers that scripts/services.sh finds or starts. A test that uses them keeps to a namespace of its own.
const {
  LEX_TEST_REDIS_URL,
  LEX_TEST_POSTGRES_URL,
  LEX_TEST_RABBITMQ_URL,
  REDIS_PORT = "6379",
  PGPORT = "5432",
  AMQP_PORT = "5672",
} = process.env;

export const sharedServers = {
  redis: LEX_TEST_REDIS_URL ?? `redis://127.0.0.1:${REDIS_PORT}`,
  postgres: LEX_TEST_POSTGRES_URL ?? `postgres://postgres@127.0.0.1:${PGPORT}/postgres`,
  rabbitmq: LEX_TEST_RABBITMQ_URL ?? `amqp://guest:guest@127.0.0.1:${AMQP_PORT}`,
} as const;
