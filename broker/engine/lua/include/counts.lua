-- @include base
-- What is counted for `/metrics`, by type: in the library's memory, which costs no command, and written to Redis once a
-- second and before anybody reads it. A server that dies takes the last second along. What is `kept` so is for the loader to
-- say: where scripts are no function library they have no memory, and everything is written at once.

local COUNT = { kept = false, books = {}, number = 0 }
-- So often counts are written, in microseconds; so many databases are counted for at a time.
COUNT.EVERY, COUNT.BOOKS = 1000000, 16
-- The upper bounds of histograms in microseconds; `broker.metrics.counters` has the same.
COUNT.BOUNDS = { 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
  300000000, 900000000, 3600000000 }
COUNT.LABELS = {}

-- What the places of a histogram are called: to put the names together takes longer than to find them.
function COUNT.labels_of(what)
  local labels = COUNT.LABELS[what]
  if not labels then
    labels = { sum = what .. ' sum' }
    for i, bound in ipairs(COUNT.BOUNDS) do labels[i] = what .. ' ' .. int(bound) end
    labels[#labels + 1] = what .. ' more'
    COUNT.LABELS[what] = labels
  end
  return labels
end

-- A peak is the largest of its day, all else a sum. No count stops the script that counts, which has written already:
-- what a foreign hand has spoilt begins anew, and a number that no field can hold is left out.
function COUNT.write_one(type_name, label, number)
  if not (number >= 0 and number < NEVER) then return end
  local key, field, whole = KEY.counts(), type_name .. ' ' .. label, int(number)
  if label ~= 'peak' then
    local answer = redis.pcall('HINCRBY', key, field, whole)
    if type(answer) == 'table' then redis.pcall('HSET', key, field, whole) end
    return
  end
  local today, present = string.sub(at(), 1, 10), redis.pcall('HGET', key, field)
  local day, largest = string.match(type(present) == 'string' and present or '', '^(%S+) (%d+)$')
  if day ~= today or tonumber(largest) < number then redis.pcall('HSET', key, field, today .. ' ' .. whole) end
end

function COUNT.write(book)
  for type_name, labels in pairs(book.types) do
    for label, number in pairs(labels) do COUNT.write_one(type_name, label, number) end
  end
  book.types, book.written = {}, now
end

-- What is not written yet of this database.
function COUNT.book()
  local book = COUNT.books[cached_life]
  if not book or book.prefix ~= P then
    COUNT.number = COUNT.number + 1
    if COUNT.number > COUNT.BOOKS then COUNT.books, COUNT.number = {}, 1 end
    book = { prefix = P, types = {}, written = now }
    COUNT.books[cached_life] = book
  end
  return book
end

do
  -- Of the book in use, beside it: a field of a table takes several times as long to look up, and this is on every path.
  local counted, of_life, of_prefix, since, due = nil, nil, nil, 0, 0

  local function turn(at_once)
    if not COUNT.kept or not cached_life then
      counted, due = nil, 0
      return
    end
    local book = COUNT.book()
    if at_once or now >= book.written + COUNT.EVERY or now < book.written then COUNT.write(book) end
    counted, of_life, of_prefix, since, due = book.types, cached_life, P, book.written, book.written + COUNT.EVERY
  end

  -- The counts of a type that are not written yet; nil where everything is written at once.
  local function labels_for(type_name)
    if now >= due or now < since or of_life ~= cached_life or of_prefix ~= P then turn() end
    if not counted then return nil end
    local labels = counted[type_name]
    if not labels then
      labels = {}
      counted[type_name] = labels
    end
    return labels
  end

  function COUNT.add(type_name, label, number)
    local labels = labels_for(type_name)
    if not labels then
      COUNT.write_one(type_name, label, number or 1)
    elseif label == 'peak' then
      labels.peak = math.max(labels.peak or 0, number)
    else
      labels[label] = (labels[label] or 0) + (number or 1)
    end
  end

  -- A duration, for the histogram of `wait` or `run`.
  function COUNT.observe(type_name, what, us)
    local names, bounds, i = COUNT.LABELS[what] or COUNT.labels_of(what), COUNT.BOUNDS, 1
    while (bounds[i] or us) < us do i = i + 1 end
    local labels, name, sum = labels_for(type_name), names[i], names.sum
    if labels then
      labels[name] = (labels[name] or 0) + 1
      labels[sum] = (labels[sum] or 0) + us
    else
      COUNT.write_one(type_name, name, 1)
      COUNT.write_one(type_name, sum, us)
    end
  end

  -- Writes what is not written yet, for whoever is going to read it.
  function COUNT.settle() turn(true) end
end
