/** The panels of text: a county's figures, the table of all counties, the legend, the anomalies. */

import { UNKNOWN, formatRate, formatSecond, formatSpan, formatStep, formatWhole, formatZ } from "./format.js";
import { ALL } from "./state.js";
import { byId, fromTemplate, setText } from "./ui.js";

/** A factor above this is no more than "over" it: next to nothing was expected. */
const GREATEST_FACTOR = 1000;

/** Anomalies that are listed; how many older ones there are is said below them. */
const LISTED_EVENTS = 50;

const INHABITANTS = 100_000;

/** A rate per 100,000 inhabitants. */
export const perCapita = (rate, population) => (rate === null ? null : (rate * INHABITANTS) / population);

function cell(name, text, attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(text);
  return made;
}

/** A county's figures on one side: a row for all operators, and one for each. */
export class DetailsTable {
  #rows;

  /**
   * @param {HTMLElement} parent
   * @param {string} caption names the side where there are two
   * @param {string[]} operators
   * @param {number} historyS what the page remembers, in seconds
   */
  constructor(parent, caption, operators, historyS) {
    const table = fromTemplate(byId("details-template"));
    setText(table.querySelector("caption"), caption);
    setText(table.querySelector(".history"), `in ${formatSpan(historyS).replace(" min 0 s", " min")}`);
    this.#rows = ["All", ...operators].map((name) => {
      const row = document.createElement("tr");
      row.append(cell("th", name, { scope: "row" }), ...Array.from({ length: 4 }, () => cell("td", UNKNOWN)));
      return row;
    });
    table.tBodies[0].append(...this.#rows);
    parent.append(table);
  }

  /** Show a county (or ALL), of calls, texts, or (ALL) both. */
  show(side, county, type, population) {
    this.#rows.forEach((row, index) => {
      const operator = index === 0 ? ALL : index - 1;
      const offsets = side.offsets(operator, type);
      const rate = side.rate(county, offsets);
      setText(row.cells[1], formatRate(rate));
      setText(row.cells[2], formatRate(perCapita(rate, population)));
      setText(row.cells[3], formatZ(side.zOf(county, operator)));
      setText(row.cells[4], formatWhole(side.total(county, offsets)));
    });
  }
}

/** All counties in a table, for those who do not see the map. It is filled only while it is open. */
export class CountyTable {
  #rows;

  constructor(sides, counties) {
    const heads = ["per second", "per 100,000", "z-score"];
    const head = document.createElement("tr");
    head.append(cell("th", "County", { scope: "col" }));
    for (const side of sides) {
      head.append(...heads.map((text) => cell("th", sides.length > 1 ? `${side}: ${text}` : text, { scope: "col" })));
    }
    byId("table-head").replaceChildren(head);
    this.#rows = counties.map(([, name]) => {
      const row = document.createElement("tr");
      row.append(cell("th", name, { scope: "row" }));
      row.append(...Array.from({ length: sides.length * heads.length }, () => cell("td", UNKNOWN)));
      return row;
    });
    byId("table-body").replaceChildren(...this.#rows);
  }

  show(sides, counties, operator, type, caption) {
    if (!byId("table").open) return;
    setText(byId("table-caption"), caption);
    const offsets = sides[0].offsets(operator, type);
    this.#rows.forEach((row, county) => {
      sides.forEach((side, index) => {
        const rate = side.rate(county, offsets);
        const first = 1 + 3 * index;
        setText(row.cells[first], formatRate(rate));
        setText(row.cells[first + 1], formatRate(perCapita(rate, counties[county][2])));
        setText(row.cells[first + 2], formatZ(side.zOf(county, operator)));
      });
    });
  }
}

/** Show which colours stand for which values. */
export function showLegend(layer, scale, note) {
  const labels = scale.steps.map(formatStep);
  const swatch = (name, label) => {
    const made = document.createElement("div");
    const colour = document.createElement("i");
    colour.className = name;
    made.append(colour, cell("span", label));
    return made;
  };
  const gap = cell("div", "", { class: "gap" });
  const without = swatch("none", "no value");
  without.classList.add("without");
  byId("swatches").replaceChildren(
    ...Array.from({ length: labels.length + 1 }, (_, i) => swatch(layer.prefix + i, i === 0 ? "" : labels[i - 1])),
    gap,
    without,
  );
  setText(byId("legend-title"), layer.title);
  setText(
    byId("legend-text"),
    `Colours change at ${labels.join(", ")}. The first stands for less than the first step, the last for the last step ` +
      "and more, grey for no value.",
  );
  setText(byId("legend-note"), note);
}

function eventSize({ factor, peak_z: peakZ }) {
  const times = factor > GREATEST_FACTOR ? `over ${formatWhole(GREATEST_FACTOR)}` : formatRate(factor);
  return `${factor === null ? "" : `${times} times the usual, `}peak z ${formatZ(peakZ)}`;
}

function eventTime({ since_s: sinceS, until_s: untilS }) {
  const since = formatSecond(sinceS);
  return untilS === null ? `since ${since}, goes on` : `${since} to ${formatSecond(untilS)}`;
}

/** Anomalies, the newest first. Items are kept while they last, so that a screen reader reads only new ones. */
export class EventList {
  /** @type {Map<string, HTMLLIElement>} */
  #items = new Map();
  #counties;
  #sideNames;
  #onSelect;

  constructor(counties, sideNames, onSelect) {
    this.#counties = counties;
    this.#sideNames = sideNames;
    this.#onSelect = onSelect;
    byId("events").replaceChildren();
  }

  show(sides) {
    const all = sides
      .flatMap((side, index) => side.events.map((event) => ({ ...event, side: index })))
      .sort((a, b) => b.since_s - a.since_s || a.side - b.side || a.county - b.county);
    const listed = all.slice(0, LISTED_EVENTS);
    const keys = listed.map((event) => `${event.side} ${event.county} ${event.since_s}`);
    for (const [key, item] of this.#items) {
      if (keys.includes(key)) continue;
      item.remove();
      this.#items.delete(key);
    }
    const list = byId("events");
    listed.forEach((event, position) => {
      const item = this.#item(keys[position], event);
      item.classList.toggle("ongoing", event.until_s === null);
      setText(item.querySelector(".size"), eventSize(event));
      setText(item.querySelector(".time"), eventTime(event));
      if (list.children[position] !== item) list.insertBefore(item, list.children[position] ?? null);
    });
    byId("events-none").hidden = all.length > 0;
    byId("events-older").hidden = all.length === listed.length;
    setText(byId("events-older"), `${all.length - listed.length} older ones are not listed.`);
  }

  #item(key, event) {
    let item = this.#items.get(key);
    if (item === undefined) {
      item = fromTemplate(byId("event-template"));
      const name = this.#counties[event.county][1];
      const button = item.querySelector("button");
      button.textContent = this.#sideNames.length > 1 ? `${name}, ${this.#sideNames[event.side]}` : name;
      button.addEventListener("click", () => this.#onSelect(event.county));
      this.#items.set(key, item);
    }
    return item;
  }
}
