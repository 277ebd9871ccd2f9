-- Customers for wrk: one for each request, or a list of wrk.n_customers.
local function customer(number)
  return string.format(
    '{"CustomerID": %d, "Gender": "Female", "Age": %d,'
      .. ' "Annual Income (k$)": %d, "Spending Score (1-100)": %d}',
    number, 18 + number % 53, 15 + number * 7919 % 123, 1 + number * 104729 % 100)
end

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

local number, n_customers = 0, 1

function init(arguments)
  n_customers = tonumber(arguments[1])
  if n_customers > 1 then
    local customers = {}
    for each = 1, n_customers do
      customers[each] = customer(each)
    end
    wrk.body = "[" .. table.concat(customers, ",") .. "]"
  end
end

function request()
  if n_customers > 1 then
    return wrk.format()
  end
  number = number + 1
  return wrk.format(nil, nil, nil, customer(number))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"n_requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f,'
      .. ' "n_failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
