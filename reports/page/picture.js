/**
 * The picture of latency by percentile, drawn by uPlot from the numbers of the page, in place of the same as an image.
 *
 * All words are in the page already: this script is given numbers alone, and writes text alone, never markup.
 */
"use strict";

(() => {
  const figure = document.getElementById("picture");
  const data = JSON.parse(document.getElementById("picture-numbers").textContent);
  const place = figure.querySelector(".plot");
  const rows = [...figure.querySelectorAll("[data-curve]")];
  const slider = figure.querySelector("input[type=range]");
  const heading = figure.querySelector(".at");

  /** Height of the plot, and room for the labels of its axes, in CSS pixels. */
  const HEIGHT_PX = 360;
  const LEFT_PX = 58;
  const BELOW_PX = 28;

  /** Labels below are no closer than this, in CSS pixels. */
  const LABEL_PX = 46;

  /** Dashes of contestants that share a colour, and of the harness alone, in CSS pixels. */
  const DASHES = [[], [10, 4], [14, 4, 3, 4], [4, 4]];
  const FLOOR_DASH = [2, 4];

  /** By how much the axis of percentiles goes on, so that a bar at its end can be seen, in tenfold steps. */
  const BEYOND = 0.03;

  /** Of each curve: its line, and the least and greatest of its trials; the series of uPlot begin with the axis. */
  const PER_CURVE = 3;
  const lineOf = (curve) => 1 + PER_CURVE * curve;

  const nines = (percentile) => -Math.log10(1 - percentile / 100);
  const places = data.percentiles.map(nines);
  let plot;

  /** Milliseconds as the tables have them: to a tenth below 100. */
  function milliseconds(ms) {
    const digits = ms < 100 ? 1 : 0;
    const text = ms.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return `${text} ms`;
  }

  const axisLabel = (ms) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);

  /** 1, 2 and 5 of each power of ten between the ends; 1 alone where that would be too many. */
  function ticksBetween(low, high) {
    const steps = high / low > 1000 ? [1] : [1, 2, 5];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      ticks.push(...steps.map((step) => Number(`${step}e${power}`)).filter((tick) => tick >= low && tick <= high));
    }
    return ticks;
  }

  /** Names of the percentiles on the axis, as many as have room. */
  function percentileLabels(chart) {
    let last = -Infinity;
    return data.ticks.map((tick) => {
      const at = chart.valToPos(nines(tick), "x");
      if (at - last < LABEL_PX) return "";
      last = at;
      return `p${tick}`;
    });
  }

  /** Show the latencies at a place of `data.percentiles`, as the slider has it. */
  function show(index) {
    slider.value = index;
    const name = `p${data.percentiles[index]}`;
    heading.textContent = name;
    const said = rows.map((row, curve) => {
      const { line, least, greatest } = data.curves[curve];
      const [value, range] = row.querySelectorAll("output");
      const isKnown = line[index] !== null;
      value.textContent = isKnown ? milliseconds(line[index]) : "–";
      if (range) range.textContent = isKnown ? [least[index], greatest[index]].map(milliseconds).join(" to ") : "–";
      return `${row.dataset.name} ${value.textContent}`;
    });
    slider.setAttribute("aria-valuetext", [name, ...said].join(", "));
  }

  /** Upright bars of figures that have an interval, and across an invalid run, that it is one. */
  function drawOver(chart) {
    const { ctx: context, bbox: box } = chart;
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    context.lineWidth = 2 * devicePixelRatio;
    const half = 4 * devicePixelRatio;
    data.curves.forEach((curve, index) => {
      if (!chart.series[lineOf(index)].show) return;
      context.strokeStyle = colourOf(index);
      for (const [percentile, low, high] of curve.whiskers) {
        const x = chart.valToPos(nines(percentile), "x", true);
        const [bottom, top] = [low, high].map((ms) => chart.valToPos(ms, "y", true));
        context.beginPath();
        for (const [fromX, fromY, toX, toY] of [
          [x, bottom, x, top], [x - half, bottom, x + half, bottom], [x - half, top, x + half, top],
        ]) {
          context.moveTo(fromX, fromY);
          context.lineTo(toX, toY);
        }
        context.stroke();
      }
    });
    if (!data.valid) {
      context.translate(box.left + box.width / 2, box.top + box.height / 2);
      context.rotate(-Math.atan2(box.height, box.width) * 0.7);
      context.font = `bold ${box.width / 10}px system-ui, sans-serif`;
      context.fillStyle = "#b3261e";
      context.globalAlpha = 0.28;
      context.textAlign = "center";
      context.fillText("INVALID RUN", 0, 0);
    }
    context.restore();
  }

  const colourOf = (curve) => getComputedStyle(rows[curve].querySelector(".swatch")).backgroundColor;

  /** `rgb(r, g, b)` with an alpha. */
  const faint = (colour) => colour.replace("rgb(", "rgba(").replace(")", ", 0.18)");

  function seriesOf(curve, index) {
    const colour = colourOf(index);
    const show = rows[index].querySelector("input").checked;
    const end = { show, stroke: "transparent", points: { show: false } };
    const line = { show, stroke: colour, width: 2, dash: DASHES[curve.dash], pxAlign: 0, points: { show: false } };
    return [line, { ...end }, { ...end }];
  }

  /** Draw anew, in the colours of the page as they are now. */
  function draw() {
    plot?.destroy();
    const style = getComputedStyle(figure);
    const [ink, line] = ["--muted", "--line"].map((name) => style.getPropertyValue(name));
    const axis = { stroke: ink, font: "12px system-ui, sans-serif", grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const floor = new Map(data.floor.map(([percentile, ms]) => [percentile, ms]));
    plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT_PX,
        padding: [10, 16, 0, 0],
        legend: { show: false },
        cursor: {
          y: false,
          drag: { x: false, y: false },
          points: { show: (chart, series) => ((series - 1) % PER_CURVE ? document.createElement("i") : undefined) },
        },
        scales: {
          x: { time: false, range: [places[0], places.at(-1) + BEYOND] },
          y: { distr: 3, range: data.bounds },
        },
        axes: [
          {
            ...axis,
            size: BELOW_PX,
            splits: data.ticks.map(nines),
            values: percentileLabels,
          },
          {
            ...axis,
            size: LEFT_PX,
            splits: ticksBetween(...data.bounds),
            filter: (chart, splits) => splits,
            values: (chart, splits) => splits.map(axisLabel),
          },
        ],
        series: [
          {},
          ...data.curves.flatMap(seriesOf),
          { stroke: ink, width: 2, dash: FLOOR_DASH, spanGaps: true, points: { show: true, size: 6, fill: ink } },
        ],
        bands: data.curves.map((curve, index) => ({
          series: [lineOf(index) + 2, lineOf(index) + 1],
          fill: data.several ? faint(colourOf(index)) : "transparent",
        })),
        hooks: {
          draw: [drawOver],
          setCursor: [(chart) => chart.cursor.idx !== null && chart.cursor.left >= 0 && show(chart.cursor.idx)],
        },
      },
      [
        places,
        ...data.curves.flatMap(({ line: typical, least, greatest }) => [typical, least, greatest]),
        data.percentiles.map((percentile) => floor.get(percentile) ?? null),
      ],
      place,
    );
  }

  slider.max = places.length - 1;
  slider.addEventListener("input", () => {
    show(slider.valueAsNumber);
    plot.setCursor({ left: plot.valToPos(places[slider.valueAsNumber], "x"), top: HEIGHT_PX / 2 });
  });
  rows.forEach((row, curve) => {
    const box = row.querySelector("input");
    box.addEventListener("change", () => {
      plot.batch(() => {
        for (let part = 0; part < PER_CURVE; part++) plot.setSeries(lineOf(curve) + part, { show: box.checked });
      });
    });
  });
  // Only now, when nothing has failed, does it take the image's place.
  figure.classList.add("live");
  draw();
  show(data.percentiles.indexOf(99) < 0 ? places.length - 1 : data.percentiles.indexOf(99));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => place.clientWidth && plot.setSize({ width: place.clientWidth, height: HEIGHT_PX })).observe(place);
})();
