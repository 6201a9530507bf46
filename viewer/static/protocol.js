/**
 * The connection to the server: JSON text frames over a WebSocket, protocol version 1.
 *
 * A server says hello, then sends a snapshot of each side, then deltas. After a loss, the page connects anew, forever.
 */

const VERSION = 2;

/** Waits before connecting anew double from the first to the longest, in seconds; up to half of each is left to chance. */
const FIRST_WAIT_S = 0.25;
const LONGEST_WAIT_S = 5;

/** A connection that has been silent for so long is given up, in seconds. A server sends a frame each second at least. */
const SILENCE_DEADLINE_S = 10;

/** @returns {string} the server's address, with the token of the page's own address if it has one */
export function socketUrl(location) {
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const token = new URLSearchParams(location.search).get("token");
  if (token !== null) url.searchParams.set("token", token);
  return url.href;
}

/**
 * @param {number} attempt how many attempts have failed since the last frame, from 0
 * @param {number} chance from 0 to 1
 * @returns {number} seconds to wait before the next attempt
 */
export function waitBeforeAttemptS(attempt, chance) {
  const longest = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** attempt);
  return Math.max(FIRST_WAIT_S, longest * (0.5 + chance / 2));
}

/**
 * @param {string} text a text frame
 * @returns {object} the message, of type hello, snapshot or delta
 * @throws {Error} if the message is not one of this protocol's
 */
export function parse(text) {
  const message = JSON.parse(text);
  if (message.type === "hello") {
    if (message.version !== VERSION) throw new Error(`version ${message.version} of the protocol, not ${VERSION}`);
  } else if (message.type !== "snapshot" && message.type !== "delta") {
    throw new Error(`a message of unknown type ${message.type}`);
  } else if (!Array.isArray(message.windows) || message.windows.some((row) => row.length % 2 === 0)) {
    throw new Error("windows that are not a start and pairs");
  }
  return message;
}

/** A WebSocket that connects anew whenever it is lost, and says what state it is in. */
export class Connection {
  /** @type {"connecting" | "live" | "reconnecting"} */
  state = "connecting";

  /** When the state began, in milliseconds of the wall clock. */
  sinceMs = Date.now();

  /** Failed attempts since the last frame. */
  attempt = 0;

  /** Connections that were made after the first. */
  reconnects = -1;

  /** Why the last connection ended, if that is known; null otherwise, and once frames come again. */
  problem = null;

  #url;
  #handlers;
  #socket = null;
  #deadline;

  /**
   * @param {string} url
   * @param {{onHello: function(object), onFrame: function(object), onState: function()}} handlers
   */
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
    this.#open();
  }

  /** Send a message if there is a connection; without one there is nothing to control. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #open() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#watch();
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#take(data);
    };
    socket.onclose = ({ reason }) => {
      if (socket === this.#socket) this.#lose(reason && `The server has closed the connection: ${reason}.`);
    };
  }

  /** A network that is gone says nothing, so that silence has to end a connection. */
  #watch() {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#lose(""), SILENCE_DEADLINE_S * 1000);
  }

  /** A frame that cannot be understood ends the connection: deltas after it would not fit the state. */
  #take(text) {
    this.#watch();
    try {
      const message = parse(text);
      if (message.type === "hello") {
        this.reconnects += 1;
        this.#handlers.onHello(message);
      } else {
        this.#handlers.onFrame(message);
        this.attempt = 0;
        this.problem = null;
        if (this.state !== "live") this.#enter("live");
      }
    } catch (error) {
      console.error(error);
      this.#lose(`The server sent what this page does not understand: ${error.message}.`);
    }
  }

  #lose(problem) {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#deadline);
    socket.close();
    if (problem) this.problem = problem;
    if (this.state === "live") this.#enter("reconnecting");
    setTimeout(() => this.#open(), waitBeforeAttemptS(this.attempt, Math.random()) * 1000);
    this.attempt += 1;
    this.#handlers.onState();
  }

  #enter(state) {
    this.state = state;
    this.sinceMs = Date.now();
    this.#handlers.onState();
  }
}
