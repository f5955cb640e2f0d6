"""The admission script: every limit, the balance and the day's ranking, decided and counted in one atomic step for many calls.

A counter (of an app, an API, or an app at an API) is one hash: the day and its count `used`, 61 one-second buckets with their
sum, and `last`, the newest second it has seen. Why 61 buckets: with 60, one 60.0-s window was seen to admit twice the limit; with
61 exactly the limit. A window is seconds now-60 … now; `last` never goes back, so that a Redis clock that steps back opens no
second window. A counter is loaded only when a rule of a call needs it, and written once for all calls that it counted; it expires
two days after a day's first count.

KEYS: the sentinel (without it nothing is decided and the answer is empty: the counters may be lost), the zset of when counters
counted, the rankings of `days`, the counters, then, if a call has a price, the zset of expiries and for each customer balance and
pending. ARGV[1], JSON:
  days     [[start, end, yyyymmdd], …], epoch seconds
  apis     API names for the ranking
  kinds    rules that calls share: [app counter, api, app's day, app's minute] and, where more is limited,
           [… API counter or 0, second, minute, day, app×API counter or 0, day, minute]; a limit of -1 is none
  calls    for each call its kind, from 1
  prices   for calls that cost: [call, index in KEYS of the balance, price, request id, customer id, hold s]; expiry: index of the zset
The answer, JSON: for each call [rule, wait s, app's day count, app's minute count, s until the day ends]; rules in RULES' order.
"""

import hashlib

from openplatform.records import Rule

RULES: tuple[Rule, ...] = (
    "", "day", "app-api-day", "api-day", "minute", "app-api-minute", "api-minute", "api-second", "balance"
)  # fmt: skip
"""By the number in the answer. The longest wait is told first: a caller that waits for it meets no other refusal meanwhile."""
UNKNOWN_BALANCE = len(RULES)
"""No rule: the store does not know what the customer has."""

SCRIPT = """
if redis.call('EXISTS', KEYS[1]) == 0 then return '' end
local ask = cjson.decode(ARGV[1])
local wall = tonumber(redis.call('TIME')[1])
local days, kinds, states, ranks, verdicts = ask.days, ask.kinds, {}, {}, {}
local nd = #days
local before = 2 + nd  -- keys before the counters

local function day_of(now)
  for i = 1, nd do
    if now < days[i][2] then return i end
  end
  return nd
end

local function load(i)
  local key = KEYS[before + i]
  local row = redis.call('HMGET', key, 'day', 'used', 'last', 'sum')
  local last = tonumber(row[3]) or 0
  local now = math.max(wall, last)
  local d = day_of(now)
  local st = {key = key, now = now, last = last, d = d, used = 0, sum = tonumber(row[4]) or 0, added = 0, moved = false}
  if row[1] == days[d][3] then st.used = tonumber(row[2]) or 0 else st.begins = true end
  if now > last then
    st.second = 0
    if st.sum > 0 then
      st.moved = true
      if now - last >= 61 then
        redis.call('DEL', key)
        st.sum, st.begins = 0, true
      else
        local fields = {}
        for s = last - 60, now - 61 do fields[#fields + 1] = tostring(s % 61) end
        local counts = redis.call('HMGET', key, unpack(fields))
        for j = 1, #fields do st.sum = st.sum - (tonumber(counts[j]) or 0) end
        redis.call('HDEL', key, unpack(fields))
      end
    end
  end
  states[i] = st
  return st
end

local function until_day_ends(st)
  return days[st.d][2] - st.now
end

local function minute_wait(st, limit)
  if limit < 1 then return 60 end
  if not st.window then
    st.window = {}
    local fields = {}
    for s = st.now - 60, st.now do fields[#fields + 1] = tostring(s % 61) end
    local counts = redis.call('HMGET', st.key, unpack(fields))
    for j = 1, 61 do st.window[j] = tonumber(counts[j]) or 0 end
  end
  local left = st.sum - limit
  for j = 1, 60 do
    left = left - st.window[j]
    if left < 0 then return j end
  end
  return 61
end

local function in_this_second(st)
  if not st.second then st.second = tonumber(redis.call('HGET', st.key, tostring(st.now % 61))) or 0 end
  return st.second + st.added
end

-- The day of all three, then the minute of all three, then the second: see RULES.
local function refusal(kind, app, grant, api)
  if kind[3] >= 0 and app.used >= kind[3] then return 1, until_day_ends(app) end
  if grant and kind[10] >= 0 and grant.used >= kind[10] then return 2, until_day_ends(grant) end
  if api and kind[8] >= 0 and api.used >= kind[8] then return 3, until_day_ends(api) end
  if kind[4] >= 0 and app.sum >= kind[4] then return 4, minute_wait(app, kind[4]) end
  if grant and kind[11] >= 0 and grant.sum >= kind[11] then return 5, minute_wait(grant, kind[11]) end
  if api and kind[7] >= 0 and api.sum >= kind[7] then return 6, minute_wait(api, kind[7]) end
  if api and kind[6] >= 0 and in_this_second(api) >= kind[6] then return 7, 1 end
  return 0, 0
end

local prices, balances = nil, {}
if ask.prices then
  prices = {}
  for _, p in ipairs(ask.prices) do prices[p[1]] = p end
end

local function reserve(p)
  local b = balances[p[2]]
  if not b then
    local row = redis.call('HMGET', KEYS[p[2]], 'money', 'pending')
    b = {known = row[1] and true, left = (tonumber(row[1]) or 0) - (tonumber(row[2]) or 0), taken = 0, rows = {}, due = {}}
    balances[p[2]] = b
  end
  if not b.known then return 9 end
  if b.left < p[3] then return 8 end
  b.left, b.taken = b.left - p[3], b.taken + p[3]
  local expiry = wall + p[6]
  b.rows[#b.rows + 1] = p[4]
  b.rows[#b.rows + 1] = string.format('%.0f %.0f', p[3], expiry)
  b.due[#b.due + 1] = expiry
  b.due[#b.due + 1] = string.format('%.0f %s', p[5], p[4])
  return 0
end

local function count(st)
  st.used, st.sum, st.added = st.used + 1, st.sum + 1, st.added + 1
end

for n, k in ipairs(ask.calls) do
  local kind = kinds[k]
  local app, grant, api = states[kind[1]] or load(kind[1]), nil, nil
  if kind[5] then
    if kind[5] > 0 then api = states[kind[5]] or load(kind[5]) end
    if kind[9] > 0 then grant = states[kind[9]] or load(kind[9]) end
  end
  local rule, wait = refusal(kind, app, grant, api)
  if rule == 0 and prices and prices[n] then rule = reserve(prices[n]) end
  if rule == 0 then
    count(app)
    if api then count(api) end
    if grant then count(grant) end
    local rank = ranks[app.d] or {}
    rank[kind[2]] = (rank[kind[2]] or 0) + 1
    ranks[app.d] = rank
  end
  verdicts[n] = {rule, wait, app.used, app.sum, until_day_ends(app)}
end

for _, st in pairs(states) do
  if st.added > 0 then
    redis.call('HINCRBY', st.key, tostring(st.now % 61), st.added)
    if math.floor(st.now / 10) > math.floor(st.last / 10) then redis.call('ZADD', KEYS[2], st.now, st.key) end
  end
  if st.added > 0 or st.moved then
    redis.call('HSET', st.key, 'day', days[st.d][3], 'used', st.used, 'last', st.now, 'sum', st.sum)
    if st.begins then redis.call('EXPIRE', st.key, 172800) end
  end
end
for d, rank in pairs(ranks) do
  for api, calls in pairs(rank) do redis.call('ZINCRBY', KEYS[2 + d], calls, ask.apis[api]) end
  redis.call('EXPIRE', KEYS[2 + d], 2678400)
end
for i, b in pairs(balances) do
  if b.taken > 0 or #b.rows > 0 then
    redis.call('HINCRBY', KEYS[i], 'pending', string.format('%.0f', b.taken))
    redis.call('HSET', KEYS[i + 1], unpack(b.rows))
    redis.call('ZADD', KEYS[ask.expiry], unpack(b.due))
  end
end
return cjson.encode(verdicts)
"""
SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
