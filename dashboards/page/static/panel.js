// One panel: its frame, its query, what it shows meanwhile and when that fails.

import * as api from "./api.js";
import { icon, make } from "./dom.js";
import { configured } from "./fields.js";
import { fields as framed } from "./frames.js";
import { inspect } from "./inspect.js";
import { target } from "./links.js";
import { popup } from "./popup.js";
import * as bargauge from "./panels/bargauge.js";
import * as heatmap from "./panels/heatmap.js";
import * as stat from "./panels/stat.js";
import * as table from "./panels/table.js";
import * as text from "./panels/text.js";
import * as timeseries from "./panels/timeseries.js";
import { duration, stamp } from "./time.js";

const KINDS = { bargauge, heatmap, stat, table, text, timeseries };
const SLOW_MS = 400;

export class Panel {
  /** `host` gives `question(this, points)`, `context()`, `link()` and `alone(id)`, and is told by `drawn(this)`. */
  constructor(model, host) {
    this.model = model;
    this.host = host;
    this.kind = KINDS[model.type];
    this.state = {};
    this.visible = false;
    this.due = true;
    this.drawnAt = null;
    this.error = null;
    this.node = this.frame();
    this.sizes = new ResizeObserver(() => this.redraw());
    this.sizes.observe(this.body);
  }

  get asks() {
    return (this.model.targets ?? []).some(one => one.rawSql);
  }

  frame() {
    const { id, title = "", description = "", type } = this.model,
      name = `panel-${id}`;
    this.body = make("div", { class: "body" });
    this.notice = make("p", { class: "notice", role: "status", hidden: true });
    const tools = make("span", { class: "tools" });
    const node = make(
      "section",
      { class: `panel kind-${type}`, id: name, "aria-labelledby": `${name}-title` },
      make("header", {}, make("h3", { id: `${name}-title` }, title), tools),
      this.notice,
      this.body,
    );
    if (description) {
      const about = make("button", { type: "button", class: "tool", "aria-label": `About ${title}` }, icon("info"));
      tools.append(about);
      popup(
        about,
        box =>
          box.append(make("div", { class: "text", tabindex: "-1", autofocus: true }, ...text.markdown(description))),
        { style: "about" },
      );
    }
    const more = make("button", { type: "button", class: "tool", "aria-label": `Menu of ${title}` }, icon("more"));
    tools.append(more);
    popup(more, (box, close) => this.menu(box, close));
    return node;
  }

  menu(box, close) {
    const { id, links = [] } = this.model;
    for (const link of links)
      box.append(make("a", { href: target(link.url, this.host.link()) }, icon("link"), link.title));
    box.append(
      make(
        "button",
        { type: "button", onclick: () => (close(), this.host.alone(id)) },
        this.host.isAlone ? "Back to all panels" : "View alone",
      ),
    );
    if (this.asks)
      box.append(
        make(
          "button",
          { type: "button", onclick: () => (close(), inspect(this.model.title, this.fields, this.answer, this.error)) },
          "Data and query",
        ),
      );
  }

  /** Ask again. A question that is still open is withdrawn where `anew`; else it is waited for. */
  async run({ anew = false } = {}) {
    if (!this.asks) return this.redraw();
    if (this.aborter && !anew) return undefined;
    this.aborter?.abort();
    const aborter = (this.aborter = new AbortController());
    this.due = false;
    const slow = setTimeout(() => this.node.classList.add("asking"), SLOW_MS);
    try {
      const question = this.host.question(this, this.points());
      const answer = await api.query(question, aborter.signal);
      const failed = answer.frames.find(frame => frame.error);
      if (failed) throw new api.AskError(failed.error);
      this.answer = answer;
      this.context = { ...this.host.context(), range: { from: question.from, to: question.to } };
      this.drawnAt = Date.now();
      this.error = null;
      await this.redraw();
    } catch (error) {
      if (aborter.signal.aborted) return undefined;
      this.fail(error);
    } finally {
      clearTimeout(slow);
      if (this.aborter === aborter) {
        this.aborter = null;
        this.node.classList.remove("asking");
      }
    }
    return undefined;
  }

  /** What was drawn stays, with a word on why it is not new. */
  fail(error) {
    if (!(error instanceof api.AskError)) console.error(error);
    this.error = error.message;
    this.notice.textContent = this.drawnAt
      ? `Not new since ${stamp(this.drawnAt).slice(11)}: ${error.message}`
      : error.message;
    this.notice.hidden = false;
  }

  points() {
    return Math.max(100, Math.round(this.body.clientWidth));
  }

  async redraw() {
    if (!this.node.isConnected || !this.body.clientWidth || (this.asks && !this.answer)) return;
    const { model, body, state } = this;
    try {
      const fields = this.asks ? configured(this.answer.frames.flatMap(framed), model.fieldConfig) : [];
      this.fields = fields;
      const empty = this.asks && !fields.some(field => field.values.length);
      if (empty) this.empty();
      else if (this.kind)
        await this.kind.draw({
          body,
          panel: model,
          fields,
          state,
          context: { ...this.context, link: this.host.link(), intervalMs: this.answer?.interval_ms },
        });
      else
        body.replaceChildren(
          make("p", { class: "nothing" }, `This page does not draw panels of the kind ${model.type}.`),
        );
      this.node.dataset.drawn = empty ? "empty" : "yes";
      if (this.error === null || !this.asks) this.notice.hidden = true;
      this.host.drawn(this);
    } catch (error) {
      this.fail(error);
    }
  }

  empty() {
    this.kind?.drop?.(this.body);
    this.body.replaceChildren(make("p", { class: "nothing" }, this.model.fieldConfig?.defaults?.noValue ?? "no data"));
  }

  /** The range of this panel, where it has one of its own. */
  range({ from, to }) {
    const own = duration(this.model.timeFrom);
    return own ? { from: to - own, to } : { from, to };
  }

  end() {
    this.aborter?.abort();
    this.sizes.disconnect();
    this.kind?.drop?.(this.body);
  }
}
