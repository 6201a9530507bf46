/** The live map: takes frames as they come, and has them shown. */

import { FreshnessMeter, RateMeter } from "./meters.js";
import { Connection, socketUrl } from "./protocol.js";
import { Replay } from "./replay.js";
import { ALL, Side } from "./state.js";
import { showClocks, showConnection, showStream } from "./status.js";
import { byId, setText } from "./ui.js";
import { View } from "./view.js";

/** Texts are written this often, in milliseconds. */
const TEXT_MS = 250;

/** The page as a whole. */
class Page {
  #view;
  #replay;
  #connection;
  #hello = null;

  /** What the view has been built for. Only a different hello builds it anew, so that keyboard focus is not lost. */
  #shape = null;

  /** @type {Side[]} */
  #sides = [];

  /** @type {FreshnessMeter[]} by side */
  #freshness = [];

  /** Of the first side's frames; each side has as many. */
  #rate = new RateMeter();

  /** When Redis was found to be up or down, in milliseconds of the wall clock. */
  #redisSinceMs = 0;

  constructor(geometry) {
    this.#view = new View(geometry);
    this.#replay = new Replay((message) => this.#connection.send(message));
    this.#connection = new Connection(socketUrl(location), {
      onHello: (hello) => this.#greet(hello),
      onFrame: (frame) => this.#take(frame),
      onState: () => this.#write(),
    });
    setInterval(() => this.#write(), TEXT_MS);
  }

  /** @returns {Object<string, number>} records in all windows that the page has, by county's FIPS code */
  counts(index = 0) {
    const side = this.#sides[index];
    if (side === undefined) return {};
    const offsets = side.offsets(ALL, ALL);
    return Object.fromEntries(this.#hello.counties.map(([fips], county) => [fips, side.total(county, offsets)]));
  }

  /** @returns {object} how the page and one side are, in plain values; null where there is nothing yet */
  state(index = 0) {
    const side = this.#sides[index];
    return {
      connection: this.#connectionState,
      reconnects: Math.max(0, this.#connection.reconnects),
      mode: this.#hello?.mode ?? null,
      painted: this.#view.painted,
      frames_per_s: this.#rate.perSecond(Date.now()),
      freshness_ms: this.#freshness[index]?.latestMs ?? null,
      freshness_ms_median: this.#freshness[index]?.medianMs() ?? null,
      frames: side?.frames ?? 0,
      seq: side?.seq ?? null,
      dropped: side?.dropped ?? null,
      lag_ms: side?.lagMs ?? null,
      clients: side?.clients ?? null,
      redis: side?.redis ?? null,
      now_s: side?.nowS ?? null,
      updated_ms: side?.updatedMs ?? null,
      windows: side?.windows.size ?? 0,
      newest_window_s: side?.newestWindowS ?? null,
      oldest_window_s: side?.oldestWindowS ?? null,
      events: side?.events.length ?? 0,
    };
  }

  #greet(hello) {
    this.#hello = hello;
    document.title = `${hello.title} – Ringbench`;
    setText(byId("title"), hello.title);
    setText(
      byId("formula"),
      `z-score: ${hello.z.formula}. Counts and charts are of the last ${hello.history_s} seconds of event time.`,
    );
    showClocks(hello);
    const { sides, counties, operators, types, history_s: historyS } = hello;
    const shape = JSON.stringify([sides, counties, operators, types, historyS]);
    if (shape !== this.#shape) {
      this.#sides = sides.map(() => new Side(hello));
      this.#view.build(hello, this.#sides);
    }
    this.#shape = shape;
    this.#rate = new RateMeter();
    this.#freshness = sides.map(() => new FreshnessMeter());
    this.#replay.greet(hello);
  }

  #take(frame) {
    const arrivalMs = Date.now();
    const side = this.#sides[frame.side];
    const wasDown = side.redis === "down";
    side.apply(frame);
    if (wasDown !== (side.redis === "down")) this.#redisSinceMs = arrivalMs;
    if (frame.side === 0) this.#rate.count(arrivalMs);
    if (this.#hello.mode === "live") this.#freshness[frame.side].observe(frame, arrivalMs);
    this.#replay.take(frame);
    this.#view.draw();
  }

  get #connectionState() {
    const { state } = this.#connection;
    return state === "live" && this.#sides.some((side) => side.redis === "down") ? "redis down" : state;
  }

  #write() {
    const { sinceMs, attempt, problem } = this.#connection;
    showConnection({
      state: this.#connectionState,
      sinceMs: this.#connection.state === "live" ? Math.max(sinceMs, this.#redisSinceMs) : sinceMs,
      attempt,
      problem,
      isReplay: this.#hello?.mode === "replay",
    });
    if (this.#sides.length === 0 || this.#sides.some((side) => side.frames === 0)) return;
    showStream(this.#hello, this.#sides, this.#freshness, this.#rate.perSecond(Date.now()));
    this.#view.write();
    this.#replay.write(this.#hello, this.#sides);
  }
}

async function start() {
  const response = await fetch("vendor/california.json");
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const page = new Page(await response.json());
  // For tests, which compare it with what the store holds.
  const view = Object.freeze({ counts: (side) => page.counts(side), state: (side) => page.state(side) });
  Object.defineProperty(window, "ringbench", { value: view });
}

start().catch((error) => {
  console.error(error);
  byId("problem").hidden = false;
  setText(byId("problem"), `The map could not be loaded: ${error.message}. Reload the page to try again.`);
});
