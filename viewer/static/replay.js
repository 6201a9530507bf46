/** Controls of a replay, and by how much one of its two sides is later than the other. */

import { formatSpan, formatWhole } from "./format.js";
import { byId, setText } from "./ui.js";

/** Wishes of one kind are sent no more often than this, in milliseconds; a held key makes many, and the last counts. */
const SEND_MS = 300;

/** A slider that has been moved stays where it is for so long, in milliseconds: frames on their way know the old place. */
const HOLD_MS = 1000;

/**
 * @param {string[]} names of the two sides
 * @param {Side[]} sides
 * @returns {string} which of them is later, and by how much; empty before both have had a frame
 */
export function difference(names, sides) {
  const [first, second] = sides.map((side) => side.lagMs);
  if (first === null || second === null) return "";
  const [later, earlier] = first >= second ? [0, 1] : [1, 0];
  const byMs = Math.abs(first - second);
  if (Math.round(byMs) === 0) return `${names[0]} and ${names[1]} show records equally late, on average.`;
  return `${names[later]} shows records ${formatWhole(byMs)} ms later than ${names[earlier]}, on average.`;
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
  }

  take(frame) {
    this.#state = frame.replay ?? null;
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
    if (sides.length > 1) setText(byId("difference"), difference(hello.sides, sides));
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
}
