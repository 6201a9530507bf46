/** What the page measures of the stream itself: frames per second, and how old the newest data are on arrival. */

/** Frames per second are counted over this time. */
const RATE_MS = 5000;

/** The median of freshness is taken over this time. */
const MEDIAN_MS = 60_000;

/** Without a frame for so long, the time since the last one counts, too, in milliseconds. */
const LATE_MS = 1500;

/** Frames per second over the last seconds. */
export class RateMeter {
  #arrivals = [];

  count(nowMs) {
    this.#arrivals.push(nowMs);
    this.#prune(nowMs);
  }

  /** @returns {number | null} frames per second; null if there are too few to tell */
  perSecond(nowMs) {
    this.#prune(nowMs);
    if (this.#arrivals.length < 2) return null;
    const [firstMs, lastMs] = [this.#arrivals[0], this.#arrivals.at(-1)];
    return ((this.#arrivals.length - 1) * 1000) / ((nowMs - lastMs > LATE_MS ? nowMs : lastMs) - firstMs);
  }

  #prune(nowMs) {
    while (this.#arrivals.length > 0 && this.#arrivals[0] <= nowMs - RATE_MS) this.#arrivals.shift();
  }
}

/**
 * End-to-end freshness: the page's time of arrival minus the time in the ID of the newest stream entry of a delta.
 *
 * Snapshots do not count: what they hold may be as old as the stream.
 */
export class FreshnessMeter {
  /** Of the last frame that brought anything new, in milliseconds; null before. */
  latestMs = null;

  #updatedMs = null;
  #values = [];

  observe(frame, arrivalMs) {
    const isNew = frame.updated_ms !== this.#updatedMs;
    this.#updatedMs = frame.updated_ms;
    if (frame.type !== "delta" || !isNew || frame.updated_ms === null) return;
    this.latestMs = arrivalMs - frame.updated_ms;
    this.#values.push({ arrivalMs, freshnessMs: this.latestMs });
    while (this.#values[0].arrivalMs < arrivalMs - MEDIAN_MS) this.#values.shift();
  }

  /** @returns {number | null} the median over the last minute in which anything came, in milliseconds */
  medianMs() {
    const sorted = this.#values.map((value) => value.freshnessMs).sort((a, b) => a - b);
    return sorted.length === 0 ? null : sorted[Math.floor((sorted.length - 1) / 2)];
  }
}
