/** What is said about the connection and the stream, above the map. */

import { UNKNOWN, formatSecond, formatSpan, formatWhole } from "./format.js";
import { byId, setText } from "./ui.js";

/** The stream is called idle when it has brought nothing new for so long, in seconds. */
const IDLE_S = 3;

/** Attempts to connect are counted from here on. */
const MANY_ATTEMPTS = 2;

const CONNECTION_TEXTS = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Connection lost, trying again",
  "redis down": "Redis is down",
};

/** Live, it is measured here; a recording's times are as old as the recording, and so the server says how late it is. */
const FRESHNESS_TERMS = { live: "Freshness", replay: "Behind the load" };

const REPLAY_CLOCKS =
  "Behind the load: how long ago the load had come as far as what is shown, by the recording's clock, whatever the " +
  "speed; the mean over the last 5 s of the load. Each side starts with its load.";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * @param {{state: string, sinceMs: number, attempt: number, problem: string | null, isReplay: boolean}} connection
 *   `state` is a key of CONNECTION_TEXTS
 */
export function showConnection({ state, sinceMs, attempt, problem, isReplay }) {
  byId("connection").dataset.state = state;
  document.body.classList.toggle("stale", state !== "live");
  setText(byId("connection-state"), isReplay && state === "live" ? "Replay" : CONNECTION_TEXTS[state]);
  const attempts = attempt >= MANY_ATTEMPTS ? `, ${attempt} attempts` : "";
  setText(byId("connection-since"), `for ${formatSpan((Date.now() - sinceMs) / 1000)}${attempts}`);
  byId("problem").hidden = problem === null;
  setText(byId("problem"), problem ?? "");
}

/** How far a side of a replay is behind the load; "–" before the first frame. */
// Adding 0 makes a 0 of what is written "-0".
const lagText = (side) => (side.lagMs === null ? UNKNOWN : `${formatWhole(Math.round(side.lagMs) + 0)} ms`);

function freshnessText(side, meter) {
  const idleS = (Date.now() - side.updatedMs) / 1000;
  if (side.updatedMs !== null && idleS > IDLE_S) return `nothing new for ${formatSpan(idleS)}`;
  if (meter.latestMs === null) return UNKNOWN;
  return `${formatWhole(meter.latestMs)} ms (median ${formatWhole(meter.medianMs())} ms)`;
}

/**
 * @param {object} hello
 * @param {Side[]} sides that have had a frame
 * @param {FreshnessMeter[]} freshness by side
 * @param {number | null} framesPerS for each side
 */
export function showStream(hello, sides, freshness, framesPerS) {
  const say = (text) => {
    const texts = sides.map(text);
    return texts.length === 1 ? texts[0] : texts.map((each, index) => `${hello.sides[index]} ${each}`).join(" · ");
  };
  const atMost = `push, at most ${hello.max_rate_hz}${sides.length > 1 ? " for each side" : ""}`;
  setText(byId("frames"), framesPerS === null ? atMost : `${framesPerS.toFixed(1)} frames/s, ${atMost}`);
  const isLive = hello.mode === "live";
  setText(byId("freshness"), say((side, index) => (isLive ? freshnessText(side, freshness[index]) : lagText(side))));
  setText(byId("newest"), say((side) => (side.nowS === null ? UNKNOWN : `${formatSecond(side.nowS)} UTC`)));
  setText(byId("dropped"), formatWhole(sides[0].dropped));
  setText(byId("clients"), formatWhole(sides[0].clients));
}

function liveClocks() {
  const what = "Freshness: when a frame has arrived, less the time in the ID of the newest stream entry in it. ";
  const clocks = LOOPBACK.test(location.hostname)
    ? "Page and server are on one host, unless there is a tunnel between them, and share a clock."
    : "The two times are those of two clocks, this device's and the store's: it is wrong by as much as they differ.";
  return what + clocks;
}

/** Say what freshness is, and by whose clocks. */
export function showClocks(hello) {
  setText(byId("freshness-term"), FRESHNESS_TERMS[hello.mode]);
  setText(byId("clocks"), hello.mode === "live" ? liveClocks() : REPLAY_CLOCKS);
}
