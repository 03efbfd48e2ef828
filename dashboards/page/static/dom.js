// Elements in one expression. Text is always text: nothing that was read is ever taken for markup.

const SVG = "http://www.w3.org/2000/svg";

export const $ = id => document.getElementById(id);

/** Make an element: `properties` are attributes, or listeners as `onclick`; children are nodes or texts. */
export function make(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

/** The same, of a drawing. */
export function drawn(name, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

// What nobody sees, or turns the direction of writing: in a name it stands as an escape, as in a terminal.
const HIDDEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The text as it can be shown. */
export const seen = text => text.replace(HIDDEN, one => `\\u{${one.codePointAt(0).toString(16)}}`);

const readable = value => (typeof value === "string" ? seen(value) : value);

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style")
      for (const [property, text] of Object.entries(value)) node.style.setProperty(property, text);
    else node.setAttribute(name, value === true ? "" : readable(value));
  }
  node.append(...children.filter(child => child !== null && child !== undefined).map(readable));
  return node;
}

/** Icons of 16 by 16, drawn with the text's color. */
const ICONS = {
  refresh: "M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3",
  clock: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M8 4.5V8l2.4 1.6",
  theme: "M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5 5.8 5.8 0 1 0 13.5 9.6",
  info: "M8 7.3v3.6M8 5v.2M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8",
  more: "M3.4 8h.01M8 8h.01M12.6 8h.01",
  link: "M6 3.5H3.2v9.3h9.3V10M9 3h4v4M13 3 7.5 8.5",
  down: "m4.5 6.5 3.5 3.5 3.5-3.5",
  back: "M10 3.5 5.5 8l4.5 4.5",
  forward: "M6 3.5 10.5 8 6 12.5",
  out: "M10.4 10.4 14 14M4.6 6.9h4.6M11.6 6.9a4.7 4.7 0 1 1-9.4 0 4.7 4.7 0 0 1 9.4 0",
};

export function icon(name) {
  const path = drawn("path", { d: ICONS[name] });
  return drawn("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, path);
}
