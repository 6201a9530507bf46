/** Charts on canvas: the operators' volume as stacked areas, and a county's last seconds as lines. */

import { formatCount } from "./format.js";

/** Room for the labels below the plot, and above it for the topmost label, in CSS pixels. */
const BELOW_PX = 18;
const ABOVE_PX = 8;

/** Room on the left for labels of the vertical axis, in CSS pixels. */
const LEFT_PX = 44;

/** Labels of the horizontal axis are this many seconds apart, or the next number if they would meet. */
const LABEL_STEPS_S = [30, 60, 120, 300];
const LABEL_PX = 72;

/** A dash pattern for each side, in CSS pixels, so that lines differ by more than colour. */
const DASHES = [[], [5, 3]];

/** Tops of the vertical axis. */
const NICE = [1, 2, 4, 6, 8, 10];

function niceAbove(value) {
  const decade = 10 ** Math.floor(Math.log10(value));
  return NICE.find((step) => step * decade >= value) * decade;
}

/** A canvas with axes. Its top grows when a value exceeds it, and shrinks when all are below a third of it. */
class Chart {
  #top = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {function()} onResize called when it has to be drawn anew
   */
  constructor(canvas, onResize) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => {
      this.#fit();
      onResize();
    }).observe(canvas);
    this.#fit();
  }

  /** Take the colours of text and grid lines from the style sheet; to be called when the theme changes. */
  readColours() {
    const style = getComputedStyle(this.canvas);
    this.textColour = style.color;
    this.lineColour = style.borderTopColor;
    this.font = `${style.fontSize} ${style.fontFamily}`;
  }

  #fit() {
    const ratio = window.devicePixelRatio;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.readColours();
  }

  /** Clear, draw the axes for `seconds` up to now, and make x() and y() of seconds ago and counts. */
  begin(largest, seconds) {
    if (largest > this.#top || largest < this.#top / 3) this.#top = niceAbove(Math.max(largest, 1));
    const [top, width, height] = [this.#top, this.width - LEFT_PX - 1, this.height - BELOW_PX - ABOVE_PX];
    this.x = (secondsAgo) => LEFT_PX + width * (1 - secondsAgo / (seconds - 1));
    this.y = (count) => ABOVE_PX + height * (1 - count / top);
    this.context.clearRect(0, 0, this.width, this.height);
    this.#drawAxes(top, seconds);
  }

  #drawAxes(top, seconds) {
    const { context } = this;
    context.font = this.font;
    context.fillStyle = this.textColour;
    context.strokeStyle = this.lineColour;
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const count of [0, top / 2, top]) {
      const y = Math.round(this.y(count)) + 0.5;
      context.beginPath();
      context.moveTo(LEFT_PX, y);
      context.lineTo(this.width, y);
      context.stroke();
      context.fillText(formatCount(count), LEFT_PX - 6, y);
    }
    context.textBaseline = "bottom";
    const stepS = LABEL_STEPS_S.find((each) => this.x(0) - this.x(each) >= LABEL_PX) ?? seconds;
    for (let secondsAgo = 0; secondsAgo <= seconds; secondsAgo += stepS) {
      context.textAlign = secondsAgo === 0 ? "right" : secondsAgo === seconds ? "left" : "center";
      const text = secondsAgo === 0 ? "newest" : secondsAgo % 60 === 0 ? `−${secondsAgo / 60} min` : `−${secondsAgo} s`;
      context.fillText(text, this.x(Math.min(secondsAgo, seconds - 1)), this.height);
    }
  }
}

/** The operators' volume, one above the other. */
export class StackedArea extends Chart {
  /**
   * @param {number[][]} series by operator: counts by second, the newest last
   * @param {string[]} colours by operator
   * @param {number} seconds the width of the chart
   */
  draw(series, colours, seconds) {
    const length = series[0].length;
    const sums = Array.from({ length }, (_, i) => series.reduce((sum, counts) => sum + counts[i], 0));
    this.begin(Math.max(0, ...sums), seconds);
    if (length < 2) return;
    const { context } = this;
    let floor = new Array(length).fill(0);
    series.forEach((counts, operator) => {
      const ceiling = floor.map((count, i) => count + counts[i]);
      context.beginPath();
      for (let i = 0; i < length; i += 1) context.lineTo(this.x(length - 1 - i), this.y(ceiling[i]));
      for (let i = length - 1; i >= 0; i -= 1) context.lineTo(this.x(length - 1 - i), this.y(floor[i]));
      context.fillStyle = colours[operator];
      context.fill();
      floor = ceiling;
    });
  }
}

/** Counts by second as lines, one for each side. */
export class Sparkline extends Chart {
  /**
   * @param {number[][]} series by side: counts by second, the newest last
   * @param {string[]} colours by side
   * @param {number} seconds the width of the chart
   */
  draw(series, colours, seconds) {
    this.begin(Math.max(0, ...series.flat()), seconds);
    const { context } = this;
    series.forEach((counts, side) => {
      context.beginPath();
      counts.forEach((count, i) => context.lineTo(this.x(counts.length - 1 - i), this.y(count)));
      context.strokeStyle = colours[side];
      context.lineWidth = 1.75;
      context.lineJoin = "round";
      context.setLineDash(DASHES[side]);
      context.stroke();
      context.setLineDash([]);
    });
  }
}
