/**
 * What the page knows of one side: counts by window and cell, z-scores, anomalies, and how the frames came.
 *
 * A cell is (county * operators + operator) * types + type. A window is one second of event time. Counts are absolute,
 * so that a frame sets them and never adds to them.
 */

/** A window that is no older than this, in seconds behind the newest event, may still grow. */
const GROWING_S = 2;

/** Rates are means over so many finished windows. */
export const RATE_WINDOWS = 5;

/** In place of a county, operator or type: all of them. */
export const ALL = -1;

/** One second of event time: its counts by cell, and those of all counties together. */
class Window {
  constructor(cells, perCounty) {
    this.cells = new Int32Array(cells);
    this.totals = new Int32Array(perCounty);
  }

  set(cell, count) {
    this.totals[cell % this.totals.length] += count - this.cells[cell];
    this.cells[cell] = count;
  }

  /** The sum of a county's cells at `offsets`; of all counties for ALL. */
  sum(county, offsets) {
    const counts = county === ALL ? this.totals : this.cells;
    const base = county === ALL ? 0 : county * this.totals.length;
    let sum = 0;
    for (const offset of offsets) sum += counts[base + offset];
    return sum;
  }
}

/** One stream of frames and what they add up to. */
export class Side {
  /** Frames taken since the page was loaded. */
  frames = 0;

  /** @param {object} hello the server's hello */
  constructor(hello) {
    this.counties = hello.counties.length;
    this.operators = hello.operators.length;
    this.types = hello.types.length;
    this.historyS = hello.history_s;
    this.#forget();
  }

  #forget() {
    /** @type {Map<number, Window>} by the second that it begins at */
    this.windows = new Map();
    this.newestWindowS = null;
    this.oldestWindowS = null;
    this.z = null;
    this.countyZ = null;
    this.events = [];
  }

  /**
   * Take a frame; a snapshot begins with nothing.
   *
   * @throws {Error} if frames are missing before a delta
   */
  apply(frame) {
    if (frame.type === "snapshot") this.#forget();
    else if (!(frame.seq <= this.seq + 1)) throw new Error(`frame ${frame.seq} after frame ${this.seq}`);
    this.frames += 1;
    this.seq = frame.seq;
    this.nowS = frame.now_s;
    this.updatedMs = frame.updated_ms;
    this.redis = frame.redis;
    this.dropped = frame.dropped;
    this.lagMs = frame.lag_ms ?? null;
    this.clients = frame.clients;
    this.z = frame.z ?? this.z;
    this.countyZ = frame.county_z ?? this.countyZ;
    this.events = frame.events ?? this.events;
    for (const [windowS, ...cells] of frame.windows) {
      const window = this.#window(windowS);
      for (let i = 0; i < cells.length; i += 2) window.set(cells[i], cells[i + 1]);
    }
    this.#prune();
  }

  #window(windowS) {
    let window = this.windows.get(windowS);
    if (window === undefined) {
      const perCounty = this.operators * this.types;
      window = new Window(this.counties * perCounty, perCounty);
      this.windows.set(windowS, window);
      this.newestWindowS = Math.max(this.newestWindowS ?? windowS, windowS);
      this.oldestWindowS = Math.min(this.oldestWindowS ?? windowS, windowS);
    }
    return window;
  }

  #prune() {
    const keptFromS = this.newestWindowS - this.historyS + 1;
    if (this.oldestWindowS === null || this.oldestWindowS >= keptFromS) return;
    for (const windowS of this.windows.keys()) {
      if (windowS < keptFromS) this.windows.delete(windowS);
    }
    this.oldestWindowS = Math.min(...this.windows.keys());
  }

  /** The newest window that has finished, or null if there is none. */
  get finishedS() {
    const finishedS = (this.nowS ?? -Infinity) - GROWING_S - 1;
    return this.oldestWindowS === null || finishedS < this.oldestWindowS ? null : finishedS;
  }

  /** Places of an operator's and type's cells within a county's; ALL stands for every one. */
  offsets(operator, type) {
    const offsets = [];
    for (let o = 0; o < this.operators; o += 1) {
      for (let t = 0; t < this.types; t += 1) {
        if ((operator === ALL || operator === o) && (type === ALL || type === t)) offsets.push(o * this.types + t);
      }
    }
    return offsets;
  }

  /** @returns {number | null} records per second: the mean over the last finished windows; null if none has finished */
  rate(county, offsets) {
    const { finishedS } = this;
    if (finishedS === null) return null;
    const windows = Math.min(RATE_WINDOWS, finishedS - this.oldestWindowS + 1);
    let sum = 0;
    for (let windowS = finishedS - windows + 1; windowS <= finishedS; windowS += 1) {
      sum += this.windows.get(windowS)?.sum(county, offsets) ?? 0;
    }
    return sum / windows;
  }

  /** @returns {number} records in all windows that the page has */
  total(county, offsets) {
    let total = 0;
    for (const window of this.windows.values()) total += window.sum(county, offsets);
    return total;
  }

  /** @returns {number[]} counts of the last finished windows, the newest last, at most `seconds` of them */
  series(county, offsets, seconds) {
    const { finishedS } = this;
    const counts = [];
    if (finishedS === null) return counts;
    for (let windowS = Math.max(this.oldestWindowS, finishedS - seconds + 1); windowS <= finishedS; windowS += 1) {
      counts.push(this.windows.get(windowS)?.sum(county, offsets) ?? 0);
    }
    return counts;
  }

  /** @returns {number | null} the z-score of a county's operator, or of all its operators together */
  zOf(county, operator) {
    if (county === ALL) return null;
    return (operator === ALL ? this.countyZ?.[county] : this.z?.[county * this.operators + operator]) ?? null;
  }
}
