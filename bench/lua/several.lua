-- Claims for several new consumers in one request. Arguments: a file of providers' uuids,
-- the run, how many consumers.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")
local n = 0
function init(args)
  providers = lines(args[1])
  run = args[2]
  consumers = tonumber(args[3])
end
function request()
  local parts = {}
  for i = 1, consumers do
    n = n + 1
    parts[i] = '"' .. uuid(run, n) .. '":' .. allocations(providers[(n * 7919 + number * 131) % #providers + 1])
  end
  return ask("POST", "/allocations", "{" .. table.concat(parts, ",") .. "}")
end
