import { RedisScript } from "../../connection/redis-script.ts";
import { READING } from "./entries.ts";

/** ARGV: key, version or nothing. Answers 1 when the entry was there, at that version. */
export const deleteEntry = new RedisScript(
  "state-delete",
  `${READING}
local key, if_version = unpack(ARGV)
local entry = live(key)
if not entry or (if_version ~= '' and entry.version ~= tonumber(if_version)) then return 0 end

forget({ key })
return 1
`,
);
