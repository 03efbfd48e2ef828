// An answer as fields: `{name, type, values, labels}` with type time (epoch milliseconds), number, string or boolean.

/** The fields of one frame of an answer. */
export function fields(frame) {
  const columns = frame.data.meta.map(({ name, type }) => column(name, type, frame.data.data[name] ?? []));
  return frame.format === 0 ? wide(columns) : columns;
}

/** A type without what stands around it, such as `Nullable(...)` or `SimpleAggregateFunction(min, ...)`. */
function bare(type) {
  const inner = /^(?:Nullable|LowCardinality|SimpleAggregateFunction)\((?:\w+, )?(.*)\)$/.exec(type);
  return inner ? bare(inner[1]) : type;
}

function column(name, type, values) {
  const plain = bare(type);
  if (/^DateTime/.test(plain))
    return { name, type: "time", values: values.map(text => (text === null ? null : 1e3 * text)) };
  if (/^Date/.test(plain))
    return { name, type: "time", values: values.map(text => (text === null ? null : Date.parse(text))) };
  if (/^(U?Int|Float|Decimal)/.test(plain))
    return { name, type: "number", values: values.map(value => (value === null ? null : Number(value))) };
  if (plain === "Bool") return { name, type: "boolean", values };
  return {
    name,
    type: "string",
    values: values.map(value => (value === null || typeof value === "string" ? value : JSON.stringify(value))),
  };
}

/** Long rows to a column for each series, as in Grafana: texts are labels, times ascend, what is missing is null. */
function wide(columns) {
  const time = columns.find(one => one.type === "time");
  const keys = columns.filter(one => one.type === "string" || one.type === "boolean");
  const measured = columns.filter(one => one.type === "number");
  if (!time || !keys.length) return columns;
  const times = [],
    found = new Map();
  let place = -1;
  time.values.forEach((ms, row) => {
    if (ms !== times[place]) place = times.push(ms) - 1;
    const id = keys.length === 1 ? keys[0].values[row] : keys.map(key => key.values[row]).join("\0");
    let series = found.get(id);
    if (!series) {
      const labels = Object.fromEntries(keys.map(key => [key.name, String(key.values[row] ?? "")]));
      found.set(id, (series = measured.map(({ name }) => ({ name, type: "number", values: [], labels }))));
    }
    series.forEach((one, at) => {
      one.values[place] = measured[at].values[row];
    });
  });
  const series = [...found.values()].flat();
  for (const one of series) one.values = Array.from(times, (_, at) => one.values[at] ?? null);
  return [{ name: time.name, type: "time", values: times }, ...series];
}

/** One value for all of a field, as Grafana's reducers of these names make it; null where nothing is known. */
export function reduced(values, how = "lastNotNull") {
  const known = values.filter(value => value !== null);
  if (how === "last") return values.at(-1) ?? null;
  if (how === "count") return values.length;
  if (!known.length) return null;
  switch (how) {
    case "first":
    case "firstNotNull":
      return known[0];
    case "min":
      return known.reduce((low, value) => Math.min(low, value));
    case "max":
      return known.reduce((high, value) => Math.max(high, value));
    case "sum":
      return known.reduce((sum, value) => sum + value, 0);
    case "mean":
      return known.reduce((sum, value) => sum + value, 0) / known.length;
    default:
      return known.at(-1);
  }
}
