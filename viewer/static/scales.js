/**
 * Layers of the map: what a county's value is, and which colour class it falls into.
 *
 * A scale stays as it is until the layer or filter changes, or the values leave it by a factor of two, so that colours
 * do not jump from frame to frame.
 */

/** Sequential classes q0 to q7, from low to high; seven steps divide them. */
const SEQUENTIAL_STEPS = 7;

/** Steps of the z-score's nine diverging classes z0 to z8. Those in the middle, within one deviation, are nothing. */
const Z_STEPS = [-8, -4, -2, -1, 1, 2, 4, 8];

/** Digits of a scale's steps in each decade. */
const COARSE = [1, 3];
const FINE = [1, 2, 5];

/** The steps of a logarithmic scale; number 0 is 1. */
const stepAt = (digits, number) =>
  Number(`${digits.at(number % digits.length)}e${Math.floor(number / digits.length)}`);

/** The number of the greatest step that is no greater than `value`. */
function stepBelow(digits, value) {
  let number = digits.length * Math.ceil(Math.log10(value));
  while (stepAt(digits, number) > value) number -= 1;
  return number;
}

/** A logarithmic scale whose step number `place`, counted from 0, is the one below `reference`. */
function makeScale(digits, reference, place) {
  const below = stepBelow(digits, reference);
  return {
    steps: Array.from({ length: SEQUENTIAL_STEPS }, (_, i) => stepAt(digits, below - place + i)),
    fromReference: stepAt(digits, below) / 2,
    toReference: stepAt(digits, below + 1) * 2,
  };
}

const largest = (values) => Math.max(0, ...values.filter((value) => value !== null));

function median(values) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/**
 * @typedef {object} Layer
 * @property {string} title
 * @property {string} choice what it is called where it is chosen
 * @property {string} prefix of the names of its colour classes
 * @property {boolean} byType whether the choice of calls or texts matters
 * @property {function((number|null)[]): number} reference the value that the scale is made for
 * @property {function(number): {steps: number[], fromReference: number, toReference: number}} make a scale, and from
 *   where to where the reference may move before it is made anew
 */

/** @type {Object<string, Layer>} */
export const LAYERS = {
  absolute: {
    title: "Records per second",
    choice: "per second",
    prefix: "q",
    byType: true,
    reference: largest,
    make: (reference) => makeScale(COARSE, reference, SEQUENTIAL_STEPS - 1),
  },
  capita: {
    title: "Records per second and 100,000 inhabitants",
    choice: "per 100,000",
    prefix: "q",
    byType: true,
    // Most counties are alike: the middle is where they are, so that those that are not stand out.
    reference: median,
    make: (reference) => makeScale(FINE, reference, (SEQUENTIAL_STEPS - 1) / 2),
  },
  z: {
    title: "z-score",
    choice: "z-score",
    prefix: "z",
    byType: false,
    reference: () => 1,
    make: () => ({ steps: Z_STEPS, fromReference: 0, toReference: Infinity }),
  },
};

/** A layer's scale, kept until it no longer fits. */
export class Scale {
  #layer;
  #made;

  /** @param {Layer} layer */
  constructor(layer) {
    this.#layer = layer;
    this.#made = { ...layer.make(1), fromReference: Infinity, toReference: Infinity };
  }

  /** @returns {number[]} where one class ends and the next begins */
  get steps() {
    return this.#made.steps;
  }

  /**
   * Make the scale anew if the values have left it. Values that are all 0 change nothing: the load has ended.
   *
   * @returns {boolean} whether it has changed
   */
  fit(values) {
    const reference = this.#layer.reference(values);
    if (reference === 0 || (reference >= this.#made.fromReference && reference <= this.#made.toReference)) return false;
    this.#made = this.#layer.make(reference);
    return true;
  }

  /** @returns {string} the name of the colour class of a value; "none" for null */
  classOf(value) {
    if (value === null) return "none";
    let index = 0;
    while (index < this.steps.length && value >= this.steps[index]) index += 1;
    return this.#layer.prefix + index;
  }
}
