-- Takes up to ARGV[3] tokens from the bucket KEYS[1], which holds up to ARGV[1] tokens and gains
-- ARGV[2] per second. Returns {taken tokens, remaining tokens, microseconds until the next token}; the
-- last is 0 if tokens remain. Counts in millionths of a token, of which a bucket gains ARGV[2] per
-- microsecond. All numbers are below 2^53, where Lua's numbers are exact.
local TOKEN = 1000000
local capacity = tonumber(ARGV[1]) * TOKEN
local rate = tonumber(ARGV[2])

-- Use the clock of Redis, because the replicas' clocks may differ.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'time')
local tokens = tonumber(bucket[1] or capacity)
local elapsed = math.max(0, now - tonumber(bucket[2] or now))
tokens = math.min(capacity, tokens + elapsed * rate)

local taken = math.min(tonumber(ARGV[3]), math.floor(tokens / TOKEN))
tokens = tokens - taken * TOKEN
redis.call('HSET', KEYS[1], 'tokens', string.format('%.0f', tokens), 'time', string.format('%.0f', now))
-- A bucket that is full again needs no key.
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate / 1000))

return {taken, math.floor(tokens / TOKEN), math.ceil(math.max(0, TOKEN - tokens) / rate)}
