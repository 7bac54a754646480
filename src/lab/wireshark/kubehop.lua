-- kubehop: the comments that kubehop writes beside each frame, as fields. A post-dissector: nothing to compile.
--
--   journey.pcapng   packet 3, 5 of 14, flow 1; destination 10.96.0.10:80 becomes 10.244.2.2:8080
--                    nat PREROUTING > KUBE-SERVICES #3 > ... DNAT a -> b | mark 0 -> 0x4000 | ct NEW -> confirmed
--   live capture     conntrack NEW, mark 0x4000, dropped: NETFILTER_DROP
--
-- Read by `tshark -Y 'kubehop.ct == "NEW"'` as well as by Wireshark. docs/journey.md tells what the words mean.

local kubehop = Proto("kubehop", "kubehop: what the node did")
local f = {
  packet_id = ProtoField.uint32("kubehop.packet_id", "Packet", base.DEC, nil, nil, "The same at every hop; in a live capture within one node"),
  guess = ProtoField.bool("kubehop.guess", "Number is a guess"),
  position = ProtoField.uint32("kubehop.position", "Place along its way"),
  flow = ProtoField.uint32("kubehop.flow", "Flow"),
  rule = ProtoField.string("kubehop.rule", "Rules", base.UNICODE, "Table and chains with the number of the rule that the packet left by"),
  nat = ProtoField.string("kubehop.nat", "Translation"),
  translated = ProtoField.bool("kubehop.translated", "Translated before or here"),
  mark = ProtoField.uint32("kubehop.mark", "Mark", base.HEX),
  ct = ProtoField.string("kubehop.ct", "conntrack"),
  reply = ProtoField.bool("kubehop.reply", "Of the reply direction"),
  confirmed = ProtoField.bool("kubehop.confirmed", "Entry confirmed"),
  dropped = ProtoField.string("kubehop.dropped", "Dropped"),
}
kubehop.fields = f

local comment_of = Field.new("frame.comment")
local id_of = Field.new("frame.packet_id")

-- By the packet's number in a journey: the frame in which its translation is first seen.
local translated = {}
function kubehop.init()
  translated = {}
end

local function add(tree, field, value)
  tree:add(field, value):set_generated()
end

local function add_state(tree, words)
  local state = words:match("^%u+")
  if not state then return end
  add(tree, f.ct, state)
  add(tree, f.reply, words:find(" reply", 1, true) ~= nil)
  if words:find("-> confirmed", 1, true) then add(tree, f.confirmed, true) end
end

-- The last one is the mark that the packet goes on with.
local function add_mark(tree, words)
  local last
  for number in words:gmatch("0[xX]%x+") do last = number end
  add(tree, f.mark, tonumber(last or "0") or 0)
end

local function add_rules(tree, words)
  local found = false
  for walk in words:gmatch("[^;]+") do
    walk = walk:match("^%s*(.-)%s*$")
    add(tree, f.rule, walk)
    for what, change in walk:gmatch("(%u+) (%d+%.%d+%.%d+%.%d+%S* %-> %S+)") do
      add(tree, f.nat, what .. " " .. change:gsub(",$", ""))
      found = true
    end
  end
  return found
end

-- One line of a comment. Returns the number of the packet, if it is told, and whether the line tells of a translation.
local function read(line, tree)
  local packet, rest = line:match("^packet (%d+)(.*)")
  if packet then
    if rest:find("^ %(a guess%)") then add(tree, f.guess, true) end
    local position = rest:match("^[^,]*, (%d+) of %d+")
    if position then add(tree, f.position, tonumber(position)) end
    local flow = rest:match(", flow (%d+)")
    if flow then add(tree, f.flow, tonumber(flow)) end
    local reason = rest:match("; dropped: ([%w_]+)")
    if reason then add(tree, f.dropped, reason) end
    return tonumber(packet), rest:find("; destination %S.- becomes ") ~= nil or rest:find("; source %S.- becomes ") ~= nil
  end
  local state = line:match("^conntrack (%u+[^,]*)") or line:match(", conntrack (%u+[^,]*)")
  local mark = line:match("^mark (0x%x+)") or line:match(", mark (0x%x+)")
  local reason = line:match("^dropped: ([%w_]+)") or line:match(", dropped: ([%w_]+)")
  if state or reason or (mark and not line:find(" | ", 1, true) and not line:find(" -> ", 1, true)) then
    if state then add_state(tree, state) end
    if mark then add_mark(tree, mark) end
    if reason then add(tree, f.dropped, reason) end
    return nil, false
  end
  local changed = false
  for part in (line .. " | "):gmatch("(.-) | ") do
    if part:find("^mark ") then add_mark(tree, part)
    elseif part:find("^ct ") then add_state(tree, part:sub(4))
    elseif part:find("^%l+ %u+") then changed = add_rules(tree, part) or changed end
  end
  return nil, changed
end

function kubehop.dissector(_, pinfo, root)
  local comments = { comment_of() }
  local id = id_of()
  if #comments == 0 and not id then return end
  local tree = root:add(kubehop)
  local packet, changed
  for _, comment in ipairs(comments) do
    for line in tostring(comment.value):gmatch("[^\r\n]+") do
      local number, change = read(line, tree)
      packet = packet or number
      changed = changed or change
    end
  end
  if packet and changed and not translated[packet] then translated[packet] = pinfo.number end
  if packet and translated[packet] then add(tree, f.translated, pinfo.number >= translated[packet]) end
  if not packet and id then packet = tonumber(tostring(id.value)) end
  if packet then
    add(tree, f.packet_id, packet)
    tree:append_text(", packet " .. packet)
  end
end

register_postdissector(kubehop)
