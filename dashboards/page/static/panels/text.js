// A text in Markdown: headings, lists, paragraphs, indented code, bold, code and links. Markup in it stays text.

import { make } from "../dom.js";

export function draw({ body, panel }) {
  const { content = "", mode = "markdown" } = panel.options ?? {};
  const blocks = mode === "markdown" ? markdown(content) : [make("pre", {}, content)];
  body.replaceChildren(make("div", { class: "text", tabindex: "0" }, ...blocks));
}

export function markdown(text) {
  return text
    .trim()
    .split(/\n\s*\n/)
    .flatMap(block => {
      const lines = block.split("\n");
      if (lines.every(line => line.startsWith("    "))) return [make("pre", {}, lines.map(line => line.slice(4)).join("\n"))];
      const heading = /^(#{1,4})\s+(.*)$/.exec(lines[0]);
      if (heading) {
        const rest = lines.slice(1).join("\n");
        return [make("h4", {}, ...inline(heading[2])), ...(rest.trim() ? markdown(rest) : [])];
      }
      const at = lines.findIndex(line => /^\s*([-*]|\d+\.)\s/.test(line));
      if (at < 0) return [make("p", {}, ...inline(lines.join(" ")))];
      const before = at > 0 ? [make("p", {}, ...inline(lines.slice(0, at).join(" ")))] : [];
      return [...before, list(lines.slice(at))];
    });
}

function list(lines) {
  const items = [];
  for (const line of lines) {
    const item = /^\s*(?:[-*]|\d+\.)\s+(.*)$/.exec(line);
    if (item) items.push(item[1]);
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  return make(/^\s*\d/.test(lines[0]) ? "ol" : "ul", {}, ...items.map(item => make("li", {}, ...inline(item))));
}

function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\([^)\s]+\)|(?<![\w*])[*_][^*_]+[*_](?!\w))/).map(part => {
    if (/^\*\*/.test(part)) return make("strong", {}, part.slice(2, -2));
    if (/^`/.test(part)) return make("code", {}, part.slice(1, -1));
    const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part);
    if (link)
      return /^(https?:|\/|#)/.test(link[2]) ? make("a", { href: link[2], rel: "noreferrer" }, link[1]) : link[1];
    return /^[*_][^*_]+[*_]$/.test(part) ? make("em", {}, part.slice(1, -1)) : part;
  });
}
