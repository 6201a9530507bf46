/**
 * What is shown of the counties, and what the user has chosen to see.
 *
 * Maps and charts are drawn at most once per animation frame, however many frames of data come; texts are written when
 * somebody asks for them (see app.js), as nobody reads that fast.
 */

import { Sparkline, StackedArea } from "./charts.js";
import { formatRate, formatWhole, formatZ } from "./format.js";
import { CountyMap, drawOutlines } from "./map.js";
import { CountyTable, DetailsTable, EventList, perCapita, showLegend } from "./panels.js";
import { LAYERS, Scale } from "./scales.js";
import { ALL, RATE_WINDOWS } from "./state.js";
import { byId, fillChoices, fromTemplate, setText, startTheme } from "./ui.js";

/** Someone who wants less motion gets a new picture this often, in milliseconds. */
const REDUCED_MOTION_MS = 1000;

/** The width of the chart of a county's last seconds, in seconds. */
const SPARKLINE_S = 120;

/** The part of the page that shows counties. */
export class View {
  /** How often maps and charts have been drawn. */
  painted = 0;

  #geometry;
  #hello = null;

  /** @type {Side[]} */
  #sides = [];

  #layer;
  #operator;
  #type;
  #scale;

  /** Counties by index, or null. */
  #selected;
  #hovered;
  #focused;

  #maps = [];
  #readouts = [];
  #details = [];
  #areas = [];
  #sparkline;
  #table;
  #events;
  #colours = [];

  #isDue = false;
  #paintedMs = 0;
  #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  /** @param {object} geometry vendor/california.json */
  constructor(geometry) {
    this.#geometry = geometry;
    const figure = fromTemplate(byId("map-template"));
    drawOutlines(figure.querySelector("svg"), geometry);
    byId("maps").replaceChildren(figure);
    this.#sparkline = new Sparkline(byId("seconds"), () => this.draw());
    byId("controls").addEventListener("change", (event) => this.#choose(event.target));
    byId("table").addEventListener("toggle", () => this.write());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#select(null);
    });
    startTheme(() => this.#readColours());
  }

  /** Begin anew, for what this hello describes. */
  build(hello, sides) {
    this.#hello = hello;
    this.#sides = sides;
    [this.#layer, this.#operator, this.#type] = ["absolute", ALL, ALL];
    [this.#selected, this.#hovered, this.#focused] = [null, null, null];
    const names = sides.length > 1 ? hello.sides : [""];
    document.body.classList.toggle("pair", sides.length > 1);
    this.#buildControls();
    this.#buildMaps(names);
    this.#buildVolumes(names);
    byId("details").replaceChildren();
    this.#details = names.map(
      (name) => new DetailsTable(byId("details"), name, hello.operators, hello.history_s),
    );
    this.#table = new CountyTable(names, hello.counties);
    this.#events = new EventList(hello.counties, names, (county) => this.#select(county));
    this.#readColours();
    this.#rescale();
  }

  /** Draw maps and charts with the next animation frame. */
  draw() {
    if (this.#isDue || this.#hello === null) return;
    this.#isDue = true;
    const restMs = this.#reducedMotion.matches ? this.#paintedMs + REDUCED_MOTION_MS - performance.now() : 0;
    const request = () => requestAnimationFrame((nowMs) => this.#paint(nowMs));
    if (restMs > 0) setTimeout(request, restMs);
    else request();
  }

  /** Write the texts. */
  write() {
    if (this.#hello === null) return;
    this.#writeCounty();
    this.#table.show(this.#sides, this.#hello.counties, this.#operator, this.#type, this.#filterText());
    this.#events.show(this.#sides);
  }

  #buildControls() {
    const { counties, operators, types } = this.#hello;
    const choices = Object.entries(LAYERS).map(([name, layer]) => [name, layer.choice]);
    fillChoices(byId("layers"), "layer", choices);
    fillChoices(byId("operators"), "operator", [[ALL, "all"], ...operators.map((name, index) => [index, name])]);
    fillChoices(byId("types"), "type", [[ALL, "all"], ...types.map((name, index) => [index, `${name}s`])]);
    byId("county").replaceChildren(
      new Option("All of California", ALL),
      ...counties.map(([, name], index) => new Option(name, index)),
    );
  }

  #buildMaps(names) {
    const handlers = {
      onHover: (county) => {
        this.#hovered = county;
        this.#refresh();
      },
      onFocus: (county) => {
        this.#focused = county;
        this.#refresh();
      },
      onSelect: (county) => this.#select(county === this.#selected ? null : county),
    };
    const figures = names.map(() => fromTemplate(byId("map-template")));
    byId("maps").replaceChildren(...figures);
    this.#readouts = figures.map((figure) => figure.querySelector(".readout"));
    this.#maps = figures.map((figure, index) => {
      const name = names[index];
      setText(figure.querySelector(".side"), name);
      const label = name === "" ? "Counties of California" : `Counties of California, ${name}`;
      return new CountyMap(figure, this.#geometry, this.#hello.counties, handlers, label);
    });
  }

  #buildVolumes(names) {
    const entries = this.#hello.operators.map((name, index) => {
      const colour = document.createElement("i");
      colour.className = `operator${index}`;
      const entry = document.createElement("li");
      entry.append(colour, name);
      return entry;
    });
    byId("operators-legend").replaceChildren(...entries);
    const figures = names.map(() => fromTemplate(byId("volume-template")));
    byId("volumes").replaceChildren(...figures);
    this.#areas = figures.map((figure, index) => {
      const canvas = figure.querySelector("canvas");
      setText(figure.querySelector("figcaption"), names[index]);
      canvas.setAttribute("aria-label", `Records per second by operator ${names[index]}; the table above has figures`);
      return new StackedArea(canvas, () => this.draw());
    });
  }

  #choose({ name, value }) {
    if (name === "county") {
      this.#select(value === String(ALL) ? null : Number(value));
      return;
    }
    if (name === "layer") this.#layer = value;
    else if (name === "operator") this.#operator = Number(value);
    else this.#type = Number(value);
    this.#rescale();
  }

  #rescale() {
    this.#scale = new Scale(LAYERS[this.#layer]);
    byId("types-group").disabled = !LAYERS[this.#layer].byType;
    this.#showLegend();
    this.#refresh();
  }

  #showLegend() {
    const { threshold, warmup_windows: warmupWindows } = this.#hello.z;
    const mean = `Mean of the last ${RATE_WINDOWS} finished seconds`;
    const notes = {
      absolute: `${mean}.`,
      capita: `${mean}; inhabitants of 2020.`,
      z:
        `How far a county is from what is usual; beyond ±${formatRate(threshold)} for some seconds is an anomaly. Calls ` +
        `and texts together. Needs more than ${warmupWindows} seconds of data.`,
    };
    showLegend(LAYERS[this.#layer], this.#scale, notes[this.#layer]);
  }

  #select(county) {
    if (this.#hello === null) return;
    this.#selected = county;
    byId("county").value = String(county ?? ALL);
    this.#refresh();
  }

  /** Somebody has asked to see something else: show it at once. */
  #refresh() {
    this.#paintedMs = 0;
    this.draw();
    this.write();
  }

  /** The county that is looked at, or ALL. */
  get #current() {
    return this.#hovered ?? this.#focused ?? this.#selected ?? ALL;
  }

  #population(county) {
    const { counties } = this.#hello;
    return county === ALL ? counties.reduce((sum, each) => sum + each[2], 0) : counties[county][2];
  }

  #name(county) {
    return county === ALL ? "California" : this.#hello.counties[county][1];
  }

  #value(side, county, offsets) {
    if (this.#layer === "z") return side.zOf(county, this.#operator);
    const rate = side.rate(county, offsets);
    return this.#layer === "absolute" ? rate : perCapita(rate, this.#population(county));
  }

  #paint(nowMs) {
    this.#isDue = false;
    this.#paintedMs = nowMs;
    this.painted += 1;
    this.#paintMaps();
    this.#paintCharts();
  }

  #paintMaps() {
    const offsets = this.#sides[0].offsets(this.#operator, this.#type);
    const values = this.#sides.map((side) =>
      this.#hello.counties.map((_, county) => this.#value(side, county, offsets)),
    );
    if (this.#scale.fit(values.flat())) this.#showLegend();
    const current = this.#hovered ?? this.#focused;
    this.#maps.forEach((map, index) => {
      const ongoing = this.#sides[index].events.filter((event) => event.until_s === null);
      map.paint(values[index].map((value) => this.#scale.classOf(value)));
      map.outline("alarm", ongoing.map((event) => event.county));
      map.outline("selected", this.#selected === null ? [] : [this.#selected]);
      map.outline("current", current === null ? [] : [current]);
    });
  }

  #paintCharts() {
    const [first] = this.#sides;
    const offsets = first.offsets(this.#operator, this.#type);
    const lines = this.#sides.map((side) => side.series(this.#current, offsets, SPARKLINE_S));
    this.#sparkline.draw(lines, this.#colours, SPARKLINE_S);
    const historyS = this.#hello.history_s;
    const byOperator = this.#hello.operators.map((_, operator) => first.offsets(operator, this.#type));
    this.#areas.forEach((area, index) => {
      const series = byOperator.map((each) => this.#sides[index].series(this.#selected ?? ALL, each, historyS));
      area.draw(series, this.#colours, historyS);
    });
  }

  /** Charts on canvas do not see the style sheet. */
  #readColours() {
    const swatches = [...byId("operators-legend").querySelectorAll("i")];
    this.#colours = swatches.map((swatch) => getComputedStyle(swatch).backgroundColor);
    this.#sparkline.readColours();
    this.#areas.forEach((area) => area.readColours());
    this.draw();
  }

  #filterText() {
    const { operators, types } = this.#hello;
    const what = this.#type === ALL ? types.map((name) => `${name}s`).join(" and ") : `${types[this.#type]}s`;
    return `${what}, ${this.#operator === ALL ? "all operators" : operators[this.#operator]}`;
  }

  #writeCounty() {
    const county = this.#current;
    const population = this.#population(county);
    const fips = county === ALL ? "" : `FIPS ${this.#hello.counties[county][0]}, `;
    setText(byId("county-heading"), this.#name(county));
    setText(byId("county-note"), `${fips}${formatWhole(population)} inhabitants`);
    const lines = this.#sides.length > 1 ? ` (${this.#hello.sides[0]} solid, ${this.#hello.sides[1]} dashed)` : "";
    setText(byId("seconds-heading"), `Last ${SPARKLINE_S} seconds: ${this.#filterText()}${lines}`);
    setText(byId("volume-heading"), `Operators in ${this.#name(this.#selected ?? ALL)}`);
    this.#sides.forEach((side, index) => {
      this.#details[index].show(side, county, this.#type, population);
      setText(this.#readouts[index], this.#readout(side, county));
      if (this.#focused !== null) this.#maps[index].describe(this.#focused, this.#readout(side, this.#focused));
    });
  }

  /** A county's figures in one line. */
  #readout(side, county) {
    const rate = side.rate(county, side.offsets(this.#operator, this.#type));
    const capita = perCapita(rate, this.#population(county));
    const z = county === ALL ? "" : `, z ${formatZ(side.zOf(county, this.#operator))}`;
    return `${this.#name(county)}: ${formatRate(rate)} per second, ${formatRate(capita)} per 100,000${z}`;
  }
}
