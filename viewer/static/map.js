/**
 * A map of the counties as SVG: colours, outlines, pointer and keys.
 *
 * The counties are the options of a listbox. One of them is in the tab order; arrow keys go to the nearest county in
 * their direction. The inset repeats the small counties around San Francisco Bay for the eye and the pointer only.
 */

const SVG = "http://www.w3.org/2000/svg";

/** The inset is this many times as large as the map around it. */
const INSET_ZOOM = 3.4;

/** Between the inset and the drawing's edge, in units of the drawing. */
const INSET_MARGIN = 4;

/** From the bottom up, so that a county's selection does not hide its alarm, nor a halo its neighbour's line. */
const OUTLINES = ["halo", "alarm", "selected", "current"];

const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function element(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

/**
 * Draw the counties in an empty SVG element, without anything to be said of them: until the viewer has greeted the page.
 *
 * @param {SVGSVGElement} svg
 * @param {object} geometry vendor/california.json
 */
export function drawOutlines(svg, geometry) {
  svg.setAttribute("viewBox", geometry.viewBox.join(" "));
  svg.setAttribute("aria-hidden", "true");
  for (const { path } of Object.values(geometry.counties)) element("path", { d: path, class: "none" }, svg);
}

/**
 * @param {number[][]} centers of all places
 * @param {number} from index of a place
 * @param {string} key name of an arrow key
 * @returns {number} the place that the key leads to: near, and rather ahead than aside; `from` if there is none
 */
export function neighbour(centers, from, key) {
  const [dx, dy] = DIRECTIONS[key];
  let best = from;
  let least = Infinity;
  centers.forEach(([x, y], index) => {
    const [right, down] = [x - centers[from][0], y - centers[from][1]];
    const ahead = right * dx + down * dy;
    const aside = Math.abs(right * dy) + Math.abs(down * dx);
    if (index === from || ahead <= 0 || aside > 2 * ahead) return;
    if (ahead + 2 * aside < least) {
      least = ahead + 2 * aside;
      best = index;
    }
  });
  return best;
}

/** One map, for one side. */
export class CountyMap {
  #svg;
  #geometry;
  #counties;
  #handlers;
  #centers;

  /** @type {SVGPathElement[][]} by county: its path in the map, and perhaps one in the inset */
  #paths;
  #classes;
  #inTabOrder = 0;

  /** @type {{parents: Object<string, SVGGElement>, holds: function(number): boolean}[]} of outlines: map and inset */
  #overlays = [];

  /** @type {Map<string, SVGPathElement[]>} by kind and county */
  #outlines = new Map();

  /**
   * @param {HTMLElement} figure holds an empty SVG element
   * @param {object} geometry vendor/california.json
   * @param {Array} counties of hello: [fips, name, population]
   * @param {{onHover: function(number|null), onFocus: function(number|null), onSelect: function(number)}} handlers
   *   of indexes of counties
   * @param {string} label what a screen reader calls the map
   */
  constructor(figure, geometry, counties, handlers, label) {
    const svg = figure.querySelector("svg");
    this.#svg = svg;
    this.#geometry = geometry;
    this.#counties = counties;
    this.#handlers = handlers;
    this.#centers = counties.map(([fips]) => geometry.counties[fips].center);
    this.#paths = counties.map(() => []);
    this.#classes = counties.map(() => "none");
    svg.setAttribute("viewBox", geometry.viewBox.join(" "));
    const list = element("g", { role: "listbox", "aria-label": label, "aria-describedby": "map-keys" }, svg);
    counties.forEach((_, index) => {
      const path = this.#addCounty(list, index);
      path.setAttribute("role", "option");
      path.setAttribute("aria-selected", "false");
      path.setAttribute("tabindex", index === this.#inTabOrder ? "0" : "-1");
      path.setAttribute("aria-label", counties[index][1]);
    });
    const outlines = element("g", { class: "outlines", "aria-hidden": "true" }, svg);
    this.#addOverlay(outlines, () => true);
    this.#addInset(outlines);
    this.#listen(figure);
  }

  /** Colour the counties; only those that have changed are touched. */
  paint(classes) {
    classes.forEach((name, index) => {
      if (name === this.#classes[index]) return;
      this.#classes[index] = name;
      for (const path of this.#paths[index]) path.setAttribute("class", name);
    });
  }

  /**
   * Outline exactly these counties.
   *
   * @param {"alarm" | "selected" | "current"} kind
   * @param {number[]} counties
   */
  outline(kind, counties) {
    const wanted = new Set(counties.map((county) => `${kind} ${county}`));
    for (const [key, paths] of this.#outlines) {
      if (!key.startsWith(`${kind} `) || wanted.has(key)) continue;
      paths.forEach((path) => path.remove());
      this.#outlines.delete(key);
    }
    for (const county of counties) {
      const key = `${kind} ${county}`;
      if (!this.#outlines.has(key)) this.#outlines.set(key, this.#draw(kind, county));
    }
    if (kind === "selected") this.#markSelected(counties);
  }

  /** What a screen reader says of a county from now on. */
  describe(county, text) {
    const [path] = this.#paths[county];
    if (path.getAttribute("aria-label") !== text) path.setAttribute("aria-label", text);
  }

  #addCounty(parent, index) {
    const path = element(
      "path",
      { d: this.#geometry.counties[this.#counties[index][0]].path, class: "none", "data-county": index },
      parent,
    );
    this.#paths[index].push(path);
    return path;
  }

  #addOverlay(parent, holds) {
    const parents = Object.fromEntries(OUTLINES.map((name) => [name, element("g", {}, parent)]));
    this.#overlays.push({ parents, holds });
  }

  #addInset(outlines) {
    const [x, y, width, height] = this.#geometry.inset.viewBox;
    const [frameWidth, frameHeight] = [width * INSET_ZOOM, height * INSET_ZOOM];
    const frame = {
      x: this.#geometry.viewBox[2] - frameWidth - INSET_MARGIN,
      y: INSET_MARGIN,
      width: frameWidth,
      height: frameHeight,
    };
    element("rect", { class: "frame", x, y, width, height }, outlines);
    const inset = element("svg", { ...frame, viewBox: `${x} ${y} ${width} ${height}`, "aria-hidden": "true" }, this.#svg);
    element("rect", { class: "sea", x, y, width, height }, inset);
    const fips = new Set(this.#geometry.inset.counties);
    const holds = (county) => fips.has(this.#counties[county][0]);
    const fills = element("g", {}, inset);
    this.#counties.forEach((_, index) => {
      if (holds(index)) this.#addCounty(fills, index);
    });
    this.#addOverlay(element("g", { class: "outlines" }, inset), holds);
    element("rect", { class: "frame", ...frame, "aria-hidden": "true" }, this.#svg);
  }

  /** An outline has a halo, so that it is seen on every colour. */
  #draw(kind, county) {
    const d = this.#geometry.counties[this.#counties[county][0]].path;
    return this.#overlays
      .filter(({ holds }) => holds(county))
      .flatMap(({ parents }) => [
        element("path", { d, class: `${kind} halo` }, parents.halo),
        element("path", { d, class: kind }, parents[kind]),
      ]);
  }

  #markSelected(counties) {
    this.#paths.forEach(([path], index) => {
      const selected = String(counties.includes(index));
      if (path.getAttribute("aria-selected") !== selected) path.setAttribute("aria-selected", selected);
    });
  }

  #listen(figure) {
    const countyOf = ({ target }) => (target.dataset.county === undefined ? null : Number(target.dataset.county));
    this.#svg.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse") this.#handlers.onHover(countyOf(event));
    });
    this.#svg.addEventListener("pointerleave", () => this.#handlers.onHover(null));
    this.#svg.addEventListener("click", (event) => {
      const county = countyOf(event);
      if (county !== null) this.#handlers.onSelect(county);
    });
    // Not on the list: browsers let the Tab key stop at an SVG element that listens to focus.
    figure.addEventListener("focusin", (event) => {
      this.#enterTabOrder(countyOf(event));
      // A click focuses, too; what is pointed at is shown by the pointer then.
      this.#handlers.onFocus(event.target.matches(":focus-visible") ? countyOf(event) : null);
    });
    figure.addEventListener("focusout", () => this.#handlers.onFocus(null));
    figure.addEventListener("keydown", (event) => this.#press(event, countyOf(event)));
  }

  #press(event, county) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in DIRECTIONS) this.#focus(neighbour(this.#centers, county, event.key));
    else if (event.key === "Home") this.#focus(0);
    else if (event.key === "End") this.#focus(this.#counties.length - 1);
    else if (event.key === "Enter" || event.key === " ") this.#handlers.onSelect(county);
    else return;
    event.preventDefault();
  }

  #focus(county) {
    this.#enterTabOrder(county);
    this.#paths[county][0].focus();
  }

  #enterTabOrder(county) {
    this.#paths[this.#inTabOrder][0].setAttribute("tabindex", "-1");
    this.#paths[county][0].setAttribute("tabindex", "0");
    this.#inTabOrder = county;
  }
}
