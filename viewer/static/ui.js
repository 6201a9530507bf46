/** Small pieces that all panels share: elements, texts, groups of radio buttons, the theme. */

const THEME_KEY = "ringbench-theme";

/** @returns {HTMLElement} the element of index.html that has this id */
export const byId = (id) => document.getElementById(id);

/** Set a text, unless it is there already: that would cost layout, and make a screen reader read it again. */
export function setText(node, text) {
  if (node.textContent === text) return;
  if (node.firstChild === null) node.append(text);
  else node.firstChild.data = text;
}

/** A copy of what a template holds, not yet in the page. */
export const fromTemplate = (template) => template.content.firstElementChild.cloneNode(true);

/**
 * Fill an element with a group of radio buttons.
 *
 * @param {HTMLElement} parent
 * @param {string} name of the group
 * @param {[string, string][]} choices value and label; the first is checked
 */
export function fillChoices(parent, name, choices) {
  parent.replaceChildren(
    ...choices.map(([value, text], index) => {
      const input = Object.assign(document.createElement("input"), { type: "radio", name, value, checked: index === 0 });
      const label = document.createElement("label");
      const span = document.createElement("span");
      span.textContent = text;
      label.append(input, span);
      return label;
    }),
  );
}

/** @param {function()} onChange called when the colours of the page have changed, whoever changed them */
export function startTheme(onChange) {
  const root = document.documentElement;
  const button = byId("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
  const refresh = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    onChange();
  };
  const kept = localStorage.getItem(THEME_KEY);
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem(THEME_KEY, root.dataset.theme);
    refresh();
  });
  prefersDark.addEventListener("change", refresh);
  refresh();
}
