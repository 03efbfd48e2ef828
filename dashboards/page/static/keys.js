// Shortcuts, and the sheet that tells of them.

import { make } from "./dom.js";

const SHORTCUTS = [
  ["?", "this sheet"],
  ["t", "time range"],
  ["r", "refresh now"],
  ["d", "light or dark"],
  ["f", "the first filter"],
  ["[  ]", "earlier, later"],
  ["-", "zoom out"],
  ["1 … 9", "dashboards, in order"],
  ["Esc", "close; back from one panel to all"],
  ["← →", "on a chart: read its values; in menus the arrows go from item to item"],
  ["Ctrl + click", "in a legend: hide one line; a click alone shows it alone"],
];

/** `host` as for the controls, and `toggleTheme()`, `nth(place)`, `alone(null)`. */
export function listen(host) {
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.("input[type=text], input[type=search], select, textarea, dialog, [popover]")) return;
    const act =
      {
        "?": host.help,
        t: () => document.getElementById("time").click(),
        r: host.now,
        d: host.toggleTheme,
        f: () => document.querySelector("#variables button, #variables input")?.click(),
        "[": () => host.shift(-1),
        "]": () => host.shift(1),
        "-": host.zoomOut,
        Escape: () => host.alone(null),
      }[event.key] ?? (/^[1-9]$/.test(event.key) ? () => host.nth(Number(event.key) - 1) : null);
    if (!act) return;
    if (event.key !== "Escape") event.preventDefault();
    act();
  });
}

export function help() {
  if (document.querySelector("dialog.help")) return;
  const dialog = make(
    "dialog",
    { class: "sheet help", "aria-label": "Keyboard shortcuts" },
    make(
      "header",
      {},
      make("h2", {}, "Keyboard"),
      make("button", { type: "button", onclick: () => dialog.close(), autofocus: true }, "Close"),
    ),
    make(
      "dl",
      {},
      ...SHORTCUTS.flatMap(([keys, text]) => [make("dt", {}, make("kbd", {}, keys)), make("dd", {}, text)]),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
