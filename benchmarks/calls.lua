-- wrk's part: posts the signed bodies of the file named by PAILOU_BENCH_BODIES, each in its turn, from a random start.
-- With PAILOU_BENCH_PAUSE_MS every connection rests that long on average before each request, at random between nothing and
-- twice as much: a fixed rate, whose arrivals do not march in step.
local requests = {}
local position
local pause = tonumber(os.getenv("PAILOU_BENCH_PAUSE_MS"))

function init(arguments)
  local headers = {
    ["Content-Type"] = "application/x-www-form-urlencoded;charset=utf-8",
    ["Accept-Encoding"] = "gzip",
    ["User-Agent"] = "top-sdk-java",
  }
  for body in io.lines(os.getenv("PAILOU_BENCH_BODIES")) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
  math.randomseed(os.time())
  position = math.random(#requests)
end

function request()
  position = position % #requests + 1
  return requests[position]
end

if pause then
  function delay() -- whole milliseconds; the second random number makes up for the rounding
    return math.floor(2 * pause * math.random() + math.random())
  end
end
