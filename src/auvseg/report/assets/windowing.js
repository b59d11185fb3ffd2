// @ts-check
"use strict";

/**
 * How intensities become grey: a window in HU on CT, percentiles of the image elsewhere.
 */

/** Level and width in HU. */
const WINDOWS = /** @type {const} */ ({
  "soft tissue": [40, 400],
  lung: [-600, 1500],
  bone: [400, 1800],
  brain: [40, 80],
  liver: [60, 160],
});

/** Percentiles that nearly every image looks well at. */
const PERCENTILES = /** @type {const} */ ([0.5, 99.5]);

class Windowing {
  /**
   * @param {ImagePayload} image
   * @param {Int16Array} voxels
   * @param {boolean} isCt
   * @param {() => void} onChange
   */
  constructor(image, voxels, isCt, onChange) {
    this.image = image;
    this.isCt = isCt;
    this.onChange = onChange;
    this.low = image.range[0];
    this.high = Math.max(image.range[1], image.range[0] + 1e-9);
    this.ordered = isCt ? new Int16Array(0) : this.sample(voxels);
    /** @type {HTMLSelectElement|undefined} */
    this.preset = undefined;
    if (isCt) this.window("soft tissue");
  }

  /** Voxels in ascending order, as many as percentiles need; the background, which is the darkest value, left out. @param {Int16Array} voxels */
  sample(voxels) {
    const step = Math.max(Math.floor(voxels.length / 100000), 1);
    const some = voxels.filter((_, at) => at % step === 0).sort();
    const present = some.filter((value) => value > some[0]);
    return present.length ? present : some;
  }

  /** @param {keyof typeof WINDOWS} name */
  window(name) {
    const [level, width] = WINDOWS[name];
    [this.low, this.high] = [level - width / 2, level + width / 2];
  }

  /** @returns {(stored: number) => number} grey of a stored value */
  get grey() {
    const { slope, offset } = this.image;
    const factor = 255 / Math.max(this.high - this.low, 1e-12);
    return (stored) => (stored * slope + offset - this.low) * factor;
  }

  /** @param {number} stored */
  inWords(stored) {
    return `${numberInWords(stored * this.image.slope + this.image.offset)}${this.isCt ? " HU" : ""}`;
  }

  /** @returns {HTMLElement[]} */
  controls() {
    return this.isCt ? this.windowControls() : this.percentileControls();
  }

  windowControls() {
    const preset = /** @type {HTMLSelectElement} */ (auvseg.element("select", { "aria-label": "window", "data-control": "window" }));
    for (const [name, [level, width]] of Object.entries(WINDOWS)) {
      preset.append(auvseg.element("option", { value: name }, `${name} (${level}, ${width} HU)`));
    }
    preset.append(auvseg.element("option", { value: "full" }, "whole range"), auvseg.element("option", { value: "own", hidden: "" }, "own window"));
    const level = this.slider("level", -1000, 1500, 5, (value) => this.moved(value, this.high - this.low));
    const width = this.slider("width", 10, 3000, 5, (value) => this.moved((this.low + this.high) / 2, value));
    const show = () => {
      level.set((this.low + this.high) / 2, " HU");
      width.set(this.high - this.low, " HU");
    };
    this.show = show;
    preset.addEventListener("change", () => this.choose(preset.value));
    this.preset = preset;
    show();
    return [auvseg.element("label", {}, "window ", preset), level.label, width.label];
  }

  percentileControls() {
    const apply = () => {
      const at = (/** @type {number} */ percent) => percentileOf(this.ordered, percent) * this.image.slope + this.image.offset;
      this.low = at(darkest.value());
      this.high = Math.max(at(brightest.value()), this.low + 1e-9);
      darkest.set(darkest.value(), " %");
      brightest.set(brightest.value(), " %");
      this.onChange();
    };
    const darkest = this.slider("black below percentile", 0, 50, 0.5, apply);
    const brightest = this.slider("white above percentile", 50, 100, 0.5, apply);
    darkest.set(PERCENTILES[0], " %");
    brightest.set(PERCENTILES[1], " %");
    return [darkest.label, brightest.label];
  }

  /** Take a preset by its name. @param {string} name */
  choose(name) {
    if (!this.preset) return;
    if (name in WINDOWS) this.window(/** @type {keyof typeof WINDOWS} */ (name));
    else if (name === "full") [this.low, this.high] = this.image.range;
    this.preset.value = name;
    this.show?.();
    this.onChange();
  }

  /** @param {number} level @param {number} width */
  moved(level, width) {
    [this.low, this.high] = [level - width / 2, level + width / 2];
    if (this.preset) this.preset.value = "own";
    this.show?.();
    this.onChange();
  }

  /**
   * A slider that says its value.
   * @param {string} name
   * @param {number} low
   * @param {number} high
   * @param {number} step
   * @param {(value: number) => void} onInput
   */
  slider(name, low, high, step, onInput) {
    const input = /** @type {HTMLInputElement} */ (
      auvseg.element("input", { type: "range", min: String(low), max: String(high), step: String(step), "aria-label": name, "data-control": name })
    );
    const words = auvseg.element("output", {});
    input.addEventListener("input", () => onInput(Number(input.value)));
    return {
      label: auvseg.element("label", {}, `${name} `, input, words),
      value: () => Number(input.value),
      set: (/** @type {number} */ value, /** @type {string} */ unit) => {
        input.value = String(value);
        words.textContent = ` ${numberInWords(value)}${unit}`;
      },
    };
  }
}
