-- Sets providers up: each is made and gets inventories, traits and aggregates. It must run with as many threads as
-- clients, for then a thread has one connection, and its requests come one after the other. Arguments:
-- the run, a file of aggregates' uuids.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")
local n = 0
local is_asked = false
local inventories = '{"resource_provider_generation":0,"inventories":{"VCPU":{"total":64,"allocation_ratio":16.0},'
  .. '"MEMORY_MB":{"total":262144,"reserved":512},"DISK_GB":{"total":2000,"reserved":100}}}'
local traits = '{"resource_provider_generation":1,"traits":["HW_CPU_X86_AVX2","STORAGE_DISK_SSD"]}'
function init(args)
  run = args[1]
  local found = lines(args[2])
  aggregates = '{"resource_provider_generation":2,"aggregates":["' .. table.concat(found, '","') .. '"]}'
end
function request()
  if number == 1 and not is_asked then  -- wrk asks its first thread once to see what it gets, and sends nothing
    is_asked = true
    return ask("GET", "/")
  end
  local step = n % 4
  local made = uuid(run, math.floor(n / 4))
  n = n + 1
  if step == 0 then return ask("POST", "/resource_providers", '{"name":"made-' .. made .. '","uuid":"' .. made .. '"}') end
  local path = "/resource_providers/" .. made
  if step == 1 then return ask("PUT", path .. "/inventories", inventories) end
  if step == 2 then return ask("PUT", path .. "/traits", traits) end
  return ask("PUT", path .. "/aggregates", aggregates)
end
