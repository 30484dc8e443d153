import { RedisScript } from "../../connection/redis-script.ts";
import { WRITING } from "./entries.ts";

/** ARGV: key, milliseconds to live, version or nothing. Answers 1 when the entry was there, at that version. */
export const touchEntry = new RedisScript(
  "state-touch",
  `${WRITING}
local key, ttl, if_version = unpack(ARGV)
local entry = live(key)
if not entry or (if_version ~= '' and entry.version ~= tonumber(if_version)) then return 0 end

local deadline = after(ttl)
set(key, entry.version, deadline, json_of(entry))
set_deadline(key, deadline, entry)
return 1
`,
);
