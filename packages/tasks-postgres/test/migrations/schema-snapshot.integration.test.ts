import { systemClock } from "@lexigram/contracts";
import { expect, test } from "vitest";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { ending } from "../connection/opened.ts";
import { serverOfTest } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

const COLUMNS = `
  SELECT format('table %s: %s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation NOT IN (0, 'pg_catalog.default'::regcollation) THEN ' collate ' || a.attcollation::regcollation ELSE '' END,
    CASE WHEN a.attnotnull THEN ' not null' ELSE '' END) AS line
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY c.relname, a.attnum`;
const OTHERS = `
  SELECT line FROM (
    SELECT 1, format('storage %s: %s', relname, array_to_string(reloptions, ', ')) FROM pg_class
      WHERE relnamespace = $1::text::regnamespace AND relkind = 'r' AND reloptions IS NOT NULL
    UNION ALL SELECT 2, format('index %s', regexp_replace(indexdef, '^CREATE ', '')) FROM pg_indexes WHERE schemaname = $1::text 
    UNION ALL SELECT 3, format('constraint %s: %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
      WHERE connamespace = $1::text::regnamespace AND contype <> 'n'
    UNION ALL SELECT 4, format('sequence %s: %s', sequencename, data_type) FROM pg_sequences WHERE schemaname = $1::text 
    UNION ALL SELECT 5, format('function %s(%s) returns %s%s', proname, pg_get_function_arguments(oid), pg_get_function_result(oid),
      CASE WHEN proconfig IS NULL THEN '' ELSE ' with settings' END) FROM pg_proc WHERE pronamespace = $1::text::regnamespace
  ) AS l(kind, line) ORDER BY kind, line COLLATE "C"`;

test("a fresh schema is what the checked-in text says", async () => {
  const server = await serverOfTest();
  const schema = ownSchema("snapshot");
  await new StoredSchema({ database: ending(server.connect()), schema, clock: systemClock }).ensure();
  const rows = [
    ...(await server.owner(COLUMNS, [schema.name])),
    ...(await server.owner(OTHERS, [schema.name])),
  ];
  const text = rows.map(({ line }) => String(line).replaceAll(`${schema.name}.`, "")).join("\n");
  await expect(`${text}\n`).toMatchFileSnapshot("./schema.txt");
});
