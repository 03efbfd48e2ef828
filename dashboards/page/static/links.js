// Links of panels and cells, with Grafana's variables in them.

/**
 * The address of a link. `from` and `to` are those of the address, `variables` lists of values by name; `row` gives a
 * column's value in the row that the link is in.
 */
export function target(url, { from, to, variables, row = () => "", labels = {}, value = null }) {
  const chosen = name => (variables[name] ?? []).map(one => `var-${name}=${encodeURIComponent(one)}`).join("&");
  const filled = url.replace(/\$\{([^}]+)\}/g, (whole, name) => {
    if (name === "__url_time_range") return `from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;
    if (name === "__all_variables") return Object.keys(variables).map(chosen).filter(Boolean).join("&");
    if (name === "__value.raw" || name === "__value.text") return encodeURIComponent(value ?? "");
    const field = /^__data\.fields(?:\.(\w+)|\[["']?([^"'\]]+)["']?\])$/.exec(name);
    if (field) return encodeURIComponent(row(field[1] ?? field[2]));
    const label = /^__field\.labels\.(\w+)$/.exec(name);
    if (label) return encodeURIComponent(labels[label[1]] ?? "");
    const variable = /^(\w+):queryparam$/.exec(name);
    return variable ? chosen(variable[1]) : encodeURIComponent((variables[name] ?? []).join(","));
  });
  return filled.replace(/&{2,}/g, "&").replace(/\?&/, "?").replace(/[?&]$/, "");
}
