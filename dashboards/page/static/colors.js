// Colors by Grafana's names, in the tones of the page's theme.

const LIGHT = {
  green: "#1a7f4b",
  yellow: "#8f6b00",
  orange: "#b85a00",
  red: "#c9302c",
  blue: "#1f6fc4",
  purple: "#7d4fc0",
};
const DARK = {
  green: "#4fc48a",
  yellow: "#e6bd3c",
  orange: "#f2994a",
  red: "#ff6b61",
  blue: "#5fa8f5",
  purple: "#b38df0",
};
const PALETTES = {
  light: ["#2f78c4", "#e08214", "#2a9d6f", "#c2478c", "#7a63d2", "#18a0b4", "#c8523a", "#7f9440", "#6a7b8c", "#ad8f45"],
  dark: ["#5fa8f5", "#f2a03d", "#45c08a", "#e67abb", "#a193f5", "#38c3d6", "#f07f64", "#a5bb62", "#94a6b8", "#cfb06a"],
};
const SCHEMES = {
  Oranges: {
    light: ["#fff5eb", "#fdd0a2", "#fd8d3c", "#d94801", "#7f2704"],
    dark: ["#1d1a17", "#5a2a0c", "#b34a06", "#f28a35", "#ffd9ae"],
  },
  RdYlGn: {
    light: ["#c4302b", "#f08a4b", "#f7e08a", "#8fc66a", "#1f8a54"],
    dark: ["#e2564d", "#d9853f", "#cfb64b", "#7bab55", "#3fa56f"],
  },
  Blues: {
    light: ["#f3f8fd", "#c6dbef", "#6baed6", "#2171b5", "#08306b"],
    dark: ["#151a20", "#173a5e", "#2168ab", "#5fa8f5", "#d3e8ff"],
  },
};
const names = new Map();

export const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const theme = () => (isDark() ? "dark" : "light");

/** A color of the style sheet, such as `--ink`. */
export const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A color by Grafana's name (`semi-dark-blue`), or as it is written. */
export function named(name) {
  if (!name || name === "text") return css("--ink");
  if (name === "transparent" || /^(#|rgb)/.test(name)) return name;
  const [, shade, hue] = /^(?:(super-light|light|semi-dark|dark)-)?(\w+)$/.exec(name) ?? [];
  const tone = (isDark() ? DARK : LIGHT)[hue];
  if (!tone) return css("--ink");
  const toward = {
    "super-light": ["white", 55],
    light: ["white", 28],
    "semi-dark": ["black", 18],
    dark: ["black", 36],
  }[shade];
  return toward ? mixed(tone, toward[0] === "white" ? 255 : 0, toward[1] / 100) : tone;
}

function mixed(color, level, share) {
  const parts = [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
  return `#${parts
    .map(part =>
      Math.round(part + (level - part) * share)
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}

/** The same with an opacity from 0 to 1. */
export const faded = (color, opacity) =>
  /^#[0-9a-f]{6}$/i.test(color)
    ? color +
      Math.round(255 * opacity)
        .toString(16)
        .padStart(2, "0")
    : color;

/** The color of the line at this place. */
export const byPlace = place => PALETTES[theme()][place % PALETTES.light.length];

/** The color of a name, on all panels alike: by its letters, or the next one that no other name has yet. */
export function byName(name) {
  if (!names.has(name)) {
    let place = 0;
    for (const letter of name) place = (place * 31 + letter.charCodeAt(0)) >>> 0;
    const taken = new Set(names.values()),
      count = PALETTES.light.length;
    place %= count;
    for (let tries = 0; tries < count && taken.has(place); tries += 1) place = (place + 1) % count;
    names.set(name, place);
  }
  return byPlace(names.get(name));
}

/** The colors of a heatmap, from low to high. */
export function scheme(name, reverse) {
  const colors = (SCHEMES[name] ?? SCHEMES.Blues)[theme()];
  return reverse ? [...colors].reverse() : colors;
}
