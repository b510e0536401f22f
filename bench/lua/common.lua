-- What all scripts share. A thread's number must be a global variable of that thread: that is all thread:set can set.
local count = 0
local headers = {
  ["X-Auth-Token"] = os.getenv("BENCH_USER") or "admin",
  ["X-Roles"] = "admin",
  ["Content-Type"] = "application/json",
  ["OpenStack-API-Version"] = "placement 1.39",
}

-- With BENCH_PORTS ("8001,8002") each thread has its connections to the next of these ports.
local hosts = {}

function setup(thread)
  if count == 0 then
    for port in (os.getenv("BENCH_PORTS") or ""):gmatch("%d+") do hosts[#hosts + 1] = wrk.lookup("127.0.0.1", port)[1] end
  end
  if #hosts > 0 then thread.addr = hosts[count % #hosts + 1] end
  count = count + 1
  thread:set("number", count)
end

function lines(path)
  local found = {}
  for line in io.lines(path) do found[#found + 1] = line end
  return found
end

-- Uuids of this thread in this run: `run` is eight hexadecimal digits that no other run has.
function uuid(run, n)
  return string.format("%s-%04x-4000-8000-%012x", run, number, n)
end

function allocations(provider)
  return '{"allocations":{"' .. provider .. '":{"resources":{"VCPU":1,"MEMORY_MB":256,"DISK_GB":1}}},'
    .. '"consumer_generation":null,"project_id":"p","user_id":"u","consumer_type":"INSTANCE"}'
end

function ask(method, path, body)
  return wrk.format(method, path, headers, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"answers":%d,"microseconds":%d,"refused":%d,"broken":%d,"median_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
