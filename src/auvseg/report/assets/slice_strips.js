// @ts-check
"use strict";

/**
 * Bar strips with the contribution of each slice. Arrow keys move through a strip; a click goes to the slice.
 */

/** Values by slice that a case may hold; whether low ones are suspicious. */
const STRIPS = /** @type {const} */ ([
  ["scale", "contribution of each slice to S", false],
  ["agreement", "Dice of the model's mask with the label", true],
  ["confidence", "confidence of the model's mask", true],
  ["predicted_iou", "IoU predicted by the model", true],
]);

/** Below this share of its slices' median a value is marked. */
const ODD = 0.8;

/**
 * @param {string} title
 * @param {ReadonlyArray<number|null>} slices increasing
 * @param {ReadonlyArray<number|null>} values
 * @param {boolean} lowIsBad
 * @param {(slice: number) => void} onSlice
 * @returns {{line: HTMLElement, follow: (slice: number) => void}} `follow`: told which slice is shown
 */
function contributionStrip(title, slices, values, lowIsBad, onSlice) {
  const element = auvseg.element;
  const known = /** @type {number[]} */ (values.filter((one) => one !== null));
  const top = lowIsBad ? 1 : Math.max(...known, 1e-12);
  const extreme = lowIsBad ? Math.min(...known) : Math.max(...known);
  // Marked where one slice falls behind the others, not wherever one is the lowest.
  const odd = lowIsBad ? ODD * percentileOf(Float64Array.from(known).sort(), 50) : -Infinity;
  const last = slices.length - 1;
  const bars = element("div", { class: "bars", role: "slider", tabindex: "0", "aria-label": `${title}, by slice`, "aria-valuemin": "0", "aria-valuemax": String(last) });
  const said = element("output", {});
  const all = values.map((value, at) => {
    const bar = element("span", { class: `bar${value !== null && value < odd ? " odd" : ""}` }, element("span", {}));
    /** @type {HTMLElement} */ (bar.firstChild).style.height = `${Math.round((Math.min(Math.max(value ?? 0, 0), top) / top) * 100)}%`;
    bar.title = `slice ${slices[at]}: ${numberInWords(value)}`;
    bars.append(bar);
    return bar;
  });
  let shown = 0;
  let asked = -1;
  const go = (/** @type {number} */ at) => {
    asked = Math.min(Math.max(at, 0), last);
    onSlice(Number(slices[asked]));
    asked = -1;
  };
  bars.addEventListener("click", (event) => {
    const box = bars.getBoundingClientRect();
    go(Math.floor(((event.clientX - box.left) / box.width) * slices.length));
  });
  bars.addEventListener("keydown", (event) => {
    const to = { ArrowRight: shown + 1, ArrowUp: shown + 1, ArrowLeft: shown - 1, ArrowDown: shown - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
  const words = known.length ? `${lowIsBad ? "lowest" : "most"} ${numberInWords(extreme)} on slice ${slices[values.indexOf(extreme)]}` : "";
  const ends = element("div", { class: "ends" }, element("span", {}, String(slices[0])), said, element("span", {}, last > 0 ? String(slices[last]) : ""));
  const line = element("div", { class: "strip" }, element("div", { class: "name" }, element("b", {}, title), ` ${words}`), bars, ends);
  const follow = (/** @type {number} */ slice) => {
    // A slice that the picture leaves out is shown by its neighbour; the strip still stands on what was asked for.
    const exact = asked >= 0 ? asked : slices.indexOf(slice);
    shown = exact >= 0 ? exact : nearest(slices, slice);
    all.forEach((bar, at) => bar.classList.toggle("here", at === exact));
    said.textContent = exact >= 0 ? `slice ${slices[exact]}: ${numberInWords(values[exact])}` : "";
    bars.setAttribute("aria-valuenow", String(shown));
    bars.setAttribute("aria-valuetext", `slice ${slices[shown]}: ${numberInWords(values[shown])}`);
  };
  return { line, follow };
}

/**
 * Position of the slice that lies nearest.
 * @param {ReadonlyArray<number|null>} slices not empty
 * @param {number} wanted
 */
function nearest(slices, wanted) {
  let best = 0;
  slices.forEach((slice, at) => {
    if (Math.abs(Number(slice) - wanted) < Math.abs(Number(slices[best]) - wanted)) best = at;
  });
  return best;
}
