-- Questions in turn. Arguments: a file of paths.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")
local n = 0
function init(args)
  questions = lines(args[1])
end
function request()
  n = n + 1
  return ask("GET", questions[n % #questions + 1])
end
