-- The same question again and again. Arguments: the path.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")
function init(args)
  question = args[1]
end
function request()
  return ask("GET", question)
end
