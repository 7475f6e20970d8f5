-- The programs of the Neutron rows on Lua: `lua5.4 neutron_rows.lua [NAME...]`; all without a name.
local ROUNDS = 7

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

local function loop(n)
  local sum = 0
  for i = 0, n - 1 do sum = sum + i end
  return sum
end

local Counter = {}
Counter.__index = Counter
function Counter.new() return setmetatable({ n = 0 }, Counter) end
function Counter:add(by)
  self.n = self.n + by
  return self.n
end
function Counter:value() return self.n end

local function methods(n)
  local counter = Counter.new()
  local sum = 0
  for _ = 1, n do
    counter:add(1)
    sum = sum + counter:value()
  end
  return sum
end

local function counter()
  local n = 0
  return function(by)
    n = n + by
    return n
  end
end

local function closures(rounds)
  local sum = 0
  for _ = 1, rounds do
    local step = counter()
    for j = 0, 9 do sum = sum + step(j) end
  end
  return sum
end

-- A string that is appended to is copied each time in Lua; its own way is to collect the pieces.
local function strings(n)
  local pieces = {}
  for i = 0, n - 1 do pieces[#pieces + 1] = "item " .. i .. ";" end
  local text = table.concat(pieces)
  local parts = {}
  for i = 0, n - 1 do parts[#parts + 1] = "<" .. i .. ":" .. i % 7 .. ">" end
  return #text + #table.concat(parts, ",")
end

local function arrays(n)
  local items = {}
  for i = 0, n - 1 do items[#items + 1] = i * 2 end
  local sum = 0
  for _ = 1, 3 do
    for i = 1, n do sum = sum + items[i] end
  end
  return sum
end

local function dictionary(n)
  local found = {}
  for i = 0, n - 1 do found["k" .. i] = i end
  local sum = 0
  for i = 0, n - 1 do sum = sum + found["k" .. i] end
  return sum
end

local function sieve(n)
  local prime = {}
  for i = 0, n do prime[#prime + 1] = true end
  local count = 0
  for i = 2, n do
    if prime[i + 1] then
      count = count + 1
      for j = i * i, n, i do prime[j + 1] = false end
    end
  end
  return count
end

local function body(x, y, z, vx, vy, vz, mass)
  return { x = x, y = y, z = z, vx = vx, vy = vy, vz = vz, mass = mass }
end

local function advance(bodies, dt)
  local n = #bodies
  for i = 1, n do
    local a = bodies[i]
    for j = i + 1, n do
      local b = bodies[j]
      local dx = a.x - b.x
      local dy = a.y - b.y
      local dz = a.z - b.z
      local square = dx * dx + dy * dy + dz * dz
      local pull = dt / (square * math.sqrt(square))
      local of_b = b.mass * pull
      local of_a = a.mass * pull
      a.vx = a.vx - dx * of_b
      a.vy = a.vy - dy * of_b
      a.vz = a.vz - dz * of_b
      b.vx = b.vx + dx * of_a
      b.vy = b.vy + dy * of_a
      b.vz = b.vz + dz * of_a
    end
  end
  for i = 1, n do
    local b = bodies[i]
    b.x = b.x + dt * b.vx
    b.y = b.y + dt * b.vy
    b.z = b.z + dt * b.vz
  end
end

local function energy(bodies)
  local sum = 0
  for i = 1, #bodies do
    local a = bodies[i]
    sum = sum + a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz) / 2
    for j = i + 1, #bodies do
      local b = bodies[j]
      local dx = a.x - b.x
      local dy = a.y - b.y
      local dz = a.z - b.z
      sum = sum - a.mass * b.mass / math.sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return sum
end

local function nbody(steps)
  local bodies = {
    body(0, 0, 0, 0, 0, 0, 40),
    body(4.8, -1.2, -0.1, 0.6, 2.8, -0.02, 0.04),
    body(8.3, 4.1, -0.4, -1.0, 1.8, 0.01, 0.01),
    body(12.9, -15.1, -0.2, 1.1, 0.9, -0.01, 0.002),
    body(15.4, -25.9, 0.2, 1.0, 0.6, -0.03, 0.002),
  }
  for _ = 1, steps do advance(bodies, 0.01) end
  return ("%.15g"):format(energy(bodies))
end

local function mandelbrot(size, limit)
  local inside = 0
  for row = 0, size - 1 do
    local ci = 2 * row / size - 1
    for column = 0, size - 1 do
      local cr = 2 * column / size - 1.5
      local zr, zi, i = 0.0, 0.0, 0
      while i < limit and zr * zr + zi * zi <= 4 do
        local following = zr * zr - zi * zi + cr
        zi = 2 * zr * zi + ci
        zr = following
        i = i + 1
      end
      if i == limit then inside = inside + 1 end
    end
  end
  return inside
end

local Node = {}
Node.__index = Node
function Node.new(left, right) return setmetatable({ left = left, right = right }, Node) end
function Node:count()
  if self.left == nil then return 1 end
  return 1 + self.left:count() + self.right:count()
end

local function make(depth)
  if depth == 0 then return Node.new(nil, nil) end
  return Node.new(make(depth - 1), make(depth - 1))
end

local function trees(depth)
  local kept = make(depth)
  local sum = 0
  for d = 4, depth, 4 do
    for _ = 1, 1 << (depth - d) do sum = sum + make(d):count() end
  end
  return sum + kept:count()
end

local programs = {
  { "fib", fib, 30 },
  { "loop", loop, 10000000 },
  { "methods", methods, 1000000 },
  { "closures", closures, 100000 },
  { "strings", strings, 300000 },
  { "arrays", arrays, 1000000 },
  { "dictionary", dictionary, 300000 },
  { "sieve", sieve, 1000000 },
  { "nbody", nbody, 20000 },
  { "mandelbrot", mandelbrot, 200, 100 },
  { "trees", trees, 14 },
}

local wanted = {}
for _, name in ipairs(arg) do wanted[name] = true end

for _, program in ipairs(programs) do
  local name, run = program[1], program[2]
  if #arg == 0 or wanted[name] then
    local times, result = {}, nil
    for round = 1, ROUNDS do
      local began = os.clock()
      result = run(program[3], program[4])
      times[round] = os.clock() - began
    end
    print(result)
    table.sort(times)
    local middle = times[(ROUNDS + 1) // 2]
    print(('{"row": "neutron.%s", "value": %.6f, "unit": "s"}'):format(name, middle))
  end
end
