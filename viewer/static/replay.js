/** Controls of a replay, and by how much one of its two sides is ahead of the other. */

import { formatSpan, formatWhole } from "./format.js";
import { ALL } from "./state.js";
import { byId, setText } from "./ui.js";

/** Wishes of one kind are sent no more often than this, in milliseconds; a held key makes many, and the last counts. */
const SEND_MS = 300;

/** A slider that has been moved stays where it is for so long, in milliseconds: frames on their way know the old place. */
const HOLD_MS = 1000;

/** Sides are compared by their counts of so many windows. */
const COMPARED_WINDOWS = 30;

/** The difference is a mean over so many looks at it; the page looks four times a second. */
const LOOKS = 20;

/**
 * @param {Side} side
 * @param {number} fromS the first window
 * @param {number} toS the last window
 */
function recordsBetween(side, fromS, toS) {
  const offsets = side.offsets(ALL, ALL);
  let sum = 0;
  for (let windowS = fromS; windowS <= toS; windowS += 1) sum += side.windows.get(windowS)?.sum(ALL, offsets) ?? 0;
  return sum;
}

/**
 * @returns {number | null} how many more records of the newest windows the first side has than the second; null if
 *   either has none
 */
export function recordsAhead(first, second) {
  if (first.oldestWindowS === null || second.oldestWindowS === null) return null;
  const toS = Math.max(first.newestWindowS, second.newestWindowS);
  const fromS = Math.max(
    first.oldestWindowS,
    second.oldestWindowS,
    Math.min(first.newestWindowS, second.newestWindowS) - COMPARED_WINDOWS,
  );
  return recordsBetween(first, fromS, toS) - recordsBetween(second, fromS, toS);
}

/** The bar above the maps in a replay. */
export class Replay {
  #send;

  /** What the newest frame says of the replay. */
  #state = null;

  /** @type {Map<string, number | undefined>} wishes that have not been sent, by action */
  #wishes = new Map();
  #isWaiting = false;
  #heldUntilMs = 0;

  /** @type {number[]} results of `recordsAhead`, the newest last */
  #looks = [];

  /** @param {function(object)} send sends a message to the server */
  constructor(send) {
    this.#send = send;
    byId("replay-play").addEventListener("click", () => this.#wish(this.#state?.playing ? "pause" : "play"));
    byId("replay-position").addEventListener("change", ({ target }) => this.#wish("seek", Number(target.value)));
    byId("replay-speed").addEventListener("change", ({ target }) => this.#wish("speed", Number(target.value)));
    for (const slider of [byId("replay-position"), byId("replay-speed")]) {
      slider.addEventListener("input", () => {
        this.#hold();
        this.#label();
      });
    }
  }

  greet(hello) {
    byId("replay").hidden = hello.mode !== "replay";
    this.#looks = [];
  }

  take(frame) {
    this.#state = frame.replay ?? null;
    if (frame.type === "snapshot") this.#looks = [];
  }

  write(hello, sides) {
    if (this.#state === null) return;
    setText(byId("replay-play"), this.#state.playing ? "Pause" : "Play");
    if (Date.now() >= this.#heldUntilMs) {
      byId("replay-position").max = this.#state.length_ms;
      byId("replay-position").value = this.#state.position_ms;
      byId("replay-speed").value = this.#state.speed;
      this.#label();
    }
    if (sides.length > 1) setText(byId("difference"), this.#difference(hello.sides, sides));
  }

  #hold() {
    this.#heldUntilMs = Date.now() + HOLD_MS;
  }

  #label() {
    const [position, speed] = [byId("replay-position"), byId("replay-speed")];
    const text = `${formatSpan(position.value / 1000)} of ${formatSpan(position.max / 1000)}`;
    setText(byId("replay-position-text"), text);
    position.setAttribute("aria-valuetext", text);
    setText(byId("replay-speed-text"), `${speed.value}×`);
  }

  #wish(action, value) {
    this.#hold();
    this.#wishes.set(action, value);
    if (!this.#isWaiting) this.#sendWishes();
  }

  #sendWishes() {
    this.#isWaiting = this.#wishes.size > 0;
    for (const [action, value] of this.#wishes) this.#send({ type: "replay", action, value });
    this.#wishes.clear();
    if (this.#isWaiting) setTimeout(() => this.#sendWishes(), SEND_MS);
  }

  /** The side with more records of the same windows at the same position shows fresher data. */
  #difference(names, [first, second]) {
    const ahead = recordsAhead(first, second);
    const rate = Math.max(first.rate(ALL, first.offsets(ALL, ALL)) ?? 0, second.rate(ALL, second.offsets(ALL, ALL)) ?? 0);
    if (ahead === null || rate === 0) return "";
    this.#looks.push(ahead);
    if (this.#looks.length > LOOKS) this.#looks.shift();
    const mean = this.#looks.reduce((sum, each) => sum + each, 0) / this.#looks.length;
    const [fresher, other] = mean >= 0 ? names : [names[1], names[0]];
    const records = Math.abs(mean);
    return (
      `${fresher} is fresher than ${other} by ${formatWhole((records * 1000) / rate)} ms: it shows ` +
      `${formatWhole(records)} more records of the same seconds (mean of the last ${(LOOKS * 250) / 1000} s). ` +
      "Time counts from each side's first entry."
    );
  }
}
