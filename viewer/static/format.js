/** Numbers and times in words. "–" stands for what is not known. */

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const UNKNOWN = "–";

/** A count, in full below 10,000. */
export const formatCount = (count) => (count < 10_000 ? WHOLE : SHORT).format(count);

/** A count, always in full. */
export const formatWhole = (count) => WHOLE.format(count);

/** A rate or ratio: about three digits. */
export function formatRate(value) {
  if (value === null) return UNKNOWN;
  if (value >= 100) return WHOLE.format(value);
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** A z-score, with its sign. */
export function formatZ(value) {
  if (value === null) return UNKNOWN;
  const digits = Math.abs(value).toFixed(1);
  return digits === "0.0" ? digits : `${value < 0 ? "−" : "+"}${digits}`;
}

/** A step of a scale: no more digits than it has. */
export const formatStep = (value) => String(value < 1000 ? value : formatCount(value)).replace("-", "−");

/** A duration in seconds, as "12 s" or "3 min 5 s". */
export function formatSpan(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A second of event time, as UTC. */
export const formatSecond = (epochS) => new Date(epochS * 1000).toISOString().slice(11, 19);
