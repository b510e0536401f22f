-- Nine questions, then a claim. Arguments: a file of providers' uuids, the run, the path.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")
local n = 0
function init(args)
  providers = lines(args[1])
  run = args[2]
  question = args[3]
end
function request()
  n = n + 1
  if n % 10 ~= 0 then return ask("GET", question) end
  return ask("PUT", "/allocations/" .. uuid(run, n), allocations(providers[(n * 7919 + number * 131) % #providers + 1]))
end
