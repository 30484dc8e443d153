/**
 * The server's time in microseconds: whole numbers that a double holds exactly until the year 2255. Every script reads
 * it once, so that it judges all by one instant.
 */
export const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- Rounded up, so that nothing ends early; what would end later than can be counted ends at the last instant that can.
local function after(ms)
  return math.min(math.ceil(now + ms * 1000), 9000000000000000)
end

-- Ended things that one call forgets at most, beyond those it meets itself: more than it can add.
local SWEEP = 8
`;
