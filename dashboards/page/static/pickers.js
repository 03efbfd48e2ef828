// The controls above a dashboard: time range, refresh, theme, help.

import { isDark } from "./colors.js";
import { $, icon, make } from "./dom.js";
import { popup } from "./popup.js";
import { described, parse, PRESETS, REFRESHES, stamp } from "./time.js";

/**
 * Make them, and give a function that brings them up to date. `host` has `range()`, `refresh()`, `setRange(from, to)`,
 * `setRefresh(text)`, `now()`, `shift(by)`, `zoomOut()`, `themed()` and `help()`.
 */
export function controls(host) {
  const text = make("span", {});
  const time = make(
    "button",
    { type: "button", id: "time", class: "field", title: "Time range (t)" },
    icon("clock"),
    text,
  );
  const every = make(
    "select",
    { "aria-label": "Refresh every", title: "Refresh every", onchange: () => host.setRefresh(every.value) },
    ...REFRESHES.map(value => make("option", { value }, value || "off")),
  );
  const tool = (name, label, onclick) =>
    make("button", { type: "button", class: "field", "aria-label": label, title: label, onclick }, icon(name));
  $("controls").replaceChildren(
    make(
      "span",
      { class: "group" },
      tool("back", "Earlier ([)", () => host.shift(-1)),
      make("span", {}, time),
      tool("forward", "Later (])", () => host.shift(1)),
      tool("out", "Zoom out (-)", host.zoomOut),
    ),
    make("span", { class: "group" }, tool("refresh", "Refresh now (r)", host.now), every),
    make(
      "span",
      { class: "group" },
      tool("theme", "Light or dark (d)", () => toggle(host)),
      make(
        "button",
        {
          type: "button",
          class: "field",
          "aria-label": "Keyboard shortcuts (?)",
          title: "Keyboard shortcuts (?)",
          onclick: host.help,
        },
        "?",
      ),
    ),
  );
  popup(time, (box, close) => ranges(box, close, host), { label: "Time range", style: "time" });
  return () => {
    const { from, to } = host.range();
    text.textContent = described(from, to, Date.now());
    every.value = REFRESHES.includes(host.refresh()) ? host.refresh() : "";
  };
}

export function toggle(host) {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  host.themed();
}

function ranges(box, close, host) {
  const { from, to } = host.range();
  const field = (label, value) =>
    make("input", {
      type: "text",
      value: /^\d+$/.test(value) ? stamp(Number(value)) : value,
      "aria-label": label,
      spellcheck: "false",
      autocomplete: "off",
    });
  const begin = field("From", from),
    end = field("To", to),
    wrong = make("p", { class: "notice", role: "alert", hidden: true });
  const apply = event => {
    event.preventDefault();
    const now = Date.now(),
      [low, high] = [parse(begin.value, now), parse(end.value, now, true)];
    if (!(low < high)) {
      wrong.textContent =
        Number.isNaN(low) || Number.isNaN(high) ? "Write now-6h, or 2026-11-24 10:30 (UTC)" : "From is after to";
      wrong.hidden = false;
      return;
    }
    close();
    host.setRange(absolute(begin.value, low), absolute(end.value, high));
  };
  box.append(
    make(
      "form",
      { onsubmit: apply },
      make("label", {}, "From", begin),
      make("label", {}, "To", end),
      wrong,
      make("button", { type: "submit" }, "Apply"),
      make("p", { class: "soft" }, "All times are UTC"),
    ),
    make(
      "div",
      { class: "items" },
      ...PRESETS.map(([preset, label]) =>
        make(
          "button",
          {
            type: "button",
            "aria-current": preset === from && to === "now" ? "true" : null,
            autofocus: preset === from && to === "now",
            onclick: () => (close(), host.setRange(preset, "now")),
          },
          label,
        ),
      ),
    ),
  );
}

const absolute = (text, ms) => (text.trim().startsWith("now") ? text.trim() : String(ms));
