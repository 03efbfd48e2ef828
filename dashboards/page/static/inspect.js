// What a panel is made of: its values as a table, and the SQL that ran.

import { make } from "./dom.js";
import { shown } from "./fields.js";

const MOST = 1000;

export function inspect(title, fields = [], answer = null, error = null) {
  const rows = Math.min(fields[0]?.values.length ?? 0, MOST);
  const table = make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...fields.map(field => make("th", { scope: "col" }, field.title)))),
    make(
      "tbody",
      {},
      ...Array.from({ length: rows }, (_, row) =>
        make(
          "tr",
          {},
          ...fields.map(field =>
            make("td", { class: field.type === "number" ? "right" : "" }, shown(field, field.values[row]).text),
          ),
        ),
      ),
    ),
  );
  const dialog = make(
    "dialog",
    { class: "sheet", "aria-label": title },
    make(
      "header",
      {},
      make("h2", {}, title),
      make("button", { type: "button", onclick: () => dialog.close(), autofocus: true }, "Close"),
    ),
    error ? make("p", { class: "notice" }, error) : null,
    make("div", { class: "scroll", tabindex: "0" }, table),
    ...(answer?.frames ?? []).map(frame => make("pre", { tabindex: "0" }, frame.sql)),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
