// A dashboard's variables: what may be chosen, what is, and how one chooses.

import * as api from "./api.js";
import { icon, make } from "./dom.js";
import { popup } from "./popup.js";

export const ALL = "$__all";
const MOST_SHOWN = 300;
const WAIT_MS = 350;

const list = value => (value === undefined || value === null || value === "" ? [] : [value].flat().map(String));

export class Variables {
  /** `question(name)` makes a question to the server; `changed(name)` is called when something else was chosen. */
  constructor(models, chosen, { question, changed }) {
    this.models = models.filter(model => model.type !== "datasource");
    this.question = question;
    this.changed = changed;
    this.options = new Map();
    this.values = new Map();
    for (const model of this.models) this.values.set(model.name, chosen[model.name] ?? this.preset(model));
  }

  preset(model) {
    const values = list(model.current?.value);
    return values.length ? values : model.includeAll ? [ALL] : [];
  }

  /** Values by name, as the server takes them. */
  forQuery() {
    return Object.fromEntries(
      this.models.map(({ name, multi }) => {
        const values = this.values.get(name);
        return [name, multi || values.length > 1 ? values : (values[0] ?? "")];
      }),
    );
  }

  /** Lists by name, as they stand in an address. */
  forAddress() {
    return Object.fromEntries(this.values);
  }

  /** Read what may be chosen of every variable, or of those that `name` decides on. */
  async load(name = null) {
    const asked = this.models.filter(
      model =>
        model.type === "query" &&
        (!name || (model.name !== name && new RegExp(`\\$\\{?${name}\\b`).test(this.sql(model)))),
    );
    for (const model of this.models) if (model.type !== "query") this.options.set(model.name, fixed(model));
    await Promise.all(
      asked.map(async model => {
        try {
          const { frames } = await api.query(this.question(model.name));
          if (frames[0]?.error) throw new api.AskError(frames[0].error);
          this.options.set(model.name, found(frames[0]));
        } catch (error) {
          if (!(error instanceof api.AskError)) throw error;
          this.options.set(model.name, this.options.get(model.name) ?? []);
        }
        if (!this.values.get(model.name).length && this.options.get(model.name).length)
          this.values.set(model.name, [this.options.get(model.name)[0].value]);
      }),
    );
    this.show();
  }

  sql(model) {
    return String(model.query?.rawSql ?? model.query ?? "");
  }

  /** Whether nothing can be asked before this was loaded: a variable has no value yet. */
  get incomplete() {
    return this.models.some(model => model.type === "query" && !this.values.get(model.name).length);
  }

  /** Put the controls into a form, once; later calls bring them up to date. */
  show(form = this.form) {
    if (!form) return;
    if (this.form !== form) {
      this.form = form;
      this.controls = this.models.filter(model => model.hide !== 2).map(model => this.control(model));
      form.replaceChildren(...this.controls.map(({ node }) => node));
    }
    for (const { update } of this.controls) update();
  }

  control(model) {
    const label = model.label || model.name;
    if (model.type === "textbox") {
      const input = make("input", {
        type: "text",
        onchange: () => this.choose(model, [input.value.trim()].filter(Boolean)),
      });
      return {
        node: make("label", { class: "field" }, label, input),
        update: () => {
          input.value = this.values.get(model.name)[0] ?? "";
        },
      };
    }
    const value = make("b", {});
    const button = make(
      "button",
      { type: "button", class: "field", "data-variable": model.name },
      `${label} `,
      value,
      icon("down"),
    );
    const node = make("span", {}, button);
    popup(button, (box, close) => this.fill(box, model, close), { label, style: "choose" });
    return {
      node,
      update: () => {
        value.textContent = this.text(model);
      },
    };
  }

  /** A title with the values in it that are chosen; one that ends with a value which is not is cut there. */
  filled(title) {
    const known = new Map(
      this.models.map(model => [model.name, this.values.get(model.name).length ? this.text(model) : ""]),
    );
    return title.replace(/\$\{?(\w+)\}?/g, (whole, name) => known.get(name) ?? whole).replace(/[:\s]+$/, "");
  }

  text(model) {
    const values = this.values.get(model.name),
      options = this.options.get(model.name) ?? [];
    if (values.includes(ALL)) return "All";
    const texts = values.map(value => options.find(option => option.value === value)?.text ?? value);
    return texts.length > 2 ? `${texts.length} chosen` : texts.join(", ") || "none";
  }

  fill(box, model, close) {
    const values = this.values.get(model.name),
      options = this.options.get(model.name) ?? [];
    const unlisted = values
      .filter(value => value !== ALL && !options.some(option => option.value === value))
      .map(value => ({ value, text: value }));
    const all = [...options, ...unlisted],
      kind = model.multi ? "checkbox" : "radio";
    const items = make("div", { class: "items" });
    const item = (value, text, checked) =>
      make(
        "label",
        {},
        make("input", {
          type: kind,
          name: `choose-${model.name}`,
          value,
          checked,
          onchange: event => {
            this.tick(model, value, event.target.checked, all);
            for (const input of items.querySelectorAll("input"))
              input.checked = this.values.get(model.name).includes(input.value);
            if (!model.multi) close();
          },
        }),
        text,
      );
    const fill = sought => {
      const hits = all.filter(({ text }) => text.toLowerCase().includes(sought.toLowerCase()));
      items.replaceChildren(
        ...(model.includeAll && !sought ? [item(ALL, "All", values.includes(ALL))] : []),
        ...hits
          .slice(0, MOST_SHOWN)
          .map(({ value, text }) => item(value, text, this.values.get(model.name).includes(value))),
        hits.length ? "" : make("p", { class: "soft" }, "nothing like that"),
        hits.length > MOST_SHOWN
          ? make("p", { class: "soft" }, `${hits.length - MOST_SHOWN} more: write a part of the name`)
          : "",
      );
    };
    if (all.length > 8)
      box.append(
        make("input", {
          type: "search",
          placeholder: "Search",
          "aria-label": `Search ${model.label || model.name}`,
          oninput: event => fill(event.target.value),
        }),
      );
    fill("");
    box.append(items);
  }

  tick(model, value, on, options) {
    if (!model.multi || value === ALL) return this.choose(model, [value], model.multi);
    const before = this.values.get(model.name).filter(one => one !== ALL);
    const chosen = on ? [...before, value] : before.filter(one => one !== value);
    const whole = !chosen.length || (model.includeAll && chosen.length === options.length);
    return this.choose(model, whole ? (model.includeAll ? [ALL] : [value]) : chosen, true);
  }

  /** Several ticks in a row are one change. */
  choose(model, values, waits = false) {
    this.values.set(model.name, values);
    this.show();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.changed(model.name), waits ? WAIT_MS : 0);
  }
}

function fixed(model) {
  const given = model.options?.length
    ? model.options
    : list(String(model.query ?? "").split(",")).map(text => ({ text: text.trim(), value: text.trim() }));
  return given
    .filter(({ value }) => value !== ALL)
    .map(({ text, value }) => ({ text: String(text), value: String(value) }));
}

/** The first column is what is chosen; columns named __text and __value say otherwise, as in Grafana. */
function found(frame) {
  const names = frame?.data.meta.map(({ name }) => name) ?? [],
    columns = frame?.data.data ?? {};
  const values = columns[names.includes("__value") ? "__value" : names[0]] ?? [];
  const texts = columns[names.includes("__text") ? "__text" : names.includes("__value") ? "__value" : names[0]] ?? [];
  const options = new Map(values.map((value, at) => [String(value), String(texts[at])]));
  options.delete("");
  return [...options].map(([value, text]) => ({ value, text }));
}
