-- A claim for a new consumer each time, from one provider after the other. Arguments: a
-- file of providers' uuids, the run. A file with one uuid makes a hot provider.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")
local n = 0
function init(args)
  providers = lines(args[1])
  run = args[2]
end
function request()
  n = n + 1
  return ask("PUT", "/allocations/" .. uuid(run, n), allocations(providers[(n * 7919 + number * 131) % #providers + 1]))
end
