// What is looked at stands in the address, under Grafana's names: a copied link shows the same.

/** The address as it is: dashboard (null is the first one), time range, refresh, one panel alone, variables. */
export function read(url = location) {
  const query = new URLSearchParams(url.search),
    variables = {};
  for (const name of new Set(query.keys())) if (name.startsWith("var-")) variables[name.slice(4)] = query.getAll(name);
  const match = /^\/d\/([^/]+)/.exec(url.pathname);
  return {
    uid: match ? decodeURIComponent(match[1]) : null,
    from: query.get("from"),
    to: query.get("to"),
    refresh: query.get("refresh"),
    panel: query.has("viewPanel") ? Number(query.get("viewPanel").replace("panel-", "")) : null,
    variables,
  };
}

/** The address of a state; what is null is left to the dashboard. */
export function address({ uid, from, to, refresh, panel, variables }) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ from, to, refresh, viewPanel: panel }))
    if (value !== null && value !== undefined) query.set(name, value);
  for (const [name, values] of Object.entries(variables))
    for (const value of values) query.append(`var-${name}`, value);
  const text = query.toString();
  return (uid === null ? "/" : `/d/${encodeURIComponent(uid)}`) + (text ? `?${text}` : "");
}
