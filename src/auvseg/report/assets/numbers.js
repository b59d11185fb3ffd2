// @ts-check
"use strict";

/** Format numbers for people, and rank them among others. Independent of the page. */

/**
 * A number for people: three digits, or a dash.
 * @param {number|null|undefined} value
 */
function numberInWords(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return value.toFixed(0);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return size >= 1 || size === 0 ? String(Number(value.toPrecision(3))) : value.toPrecision(2);
}

/**
 * The smallest value that at least a share of the values does not exceed, as `auvseg filter` cuts.
 * @param {readonly number[]} ordered ascending, not empty
 * @param {number} share in (0, 1]
 */
function inverseCdf(ordered, share) {
  // A share such as 0.95 of 20 is 19, not the 18.999999999999996 that multiplying gives: the comparison decides.
  let at = Math.min(Math.max(Math.floor(share * ordered.length) - 1, 0), ordered.length - 1);
  while (at > 0 && share <= at / ordered.length) at -= 1;
  while (at < ordered.length - 1 && share > (at + 1) / ordered.length) at += 1;
  return ordered[at];
}

/**
 * Percentile of a value among the known values, ties counting half; undefined if meaningless.
 * @param {number|null|undefined} value
 * @param {ReadonlyArray<number|null>} values
 */
function percentileAmong(value, values) {
  if (value === null || value === undefined) return undefined;
  let below = 0;
  let equal = 0;
  let known = 0;
  for (const one of values) {
    if (one === null) continue;
    known += 1;
    if (one < value) below += 1;
    else if (one === value) equal += 1;
  }
  return known > 1 ? (100 * (below + equal / 2)) / known : undefined;
}

/**
 * Horizontal offset within ±0.35 that depends on the row alone.
 * @param {number} row
 */
function jitter(row) {
  return (((row * 2654435761) % 4294967296) / 4294967296 - 0.5) * 0.7;
}

/**
 * Whether values are better shown by their logarithm: all above 0, and the largest a hundred times the smallest.
 * @param {ReadonlyArray<number|null>} values
 */
function spansDecades(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const one of values) {
    if (one === null) continue;
    if (one < low) low = one;
    if (one > high) high = one;
  }
  return low > 0 && high / low >= 100;
}

/**
 * Whether a value fits what was typed above its column: `0.5`, `>0.5`, `>=0.5`: at least; `<0.5`: at most.
 * @param {string|number|null} asked
 * @param {number|null|undefined} value
 */
function withinBound(asked, value) {
  const words = String(asked ?? "").trim();
  const bound = Number(words.replace(/^[<>≤≥]=?/, "").replace(",", "."));
  if (!words || Number.isNaN(bound)) return true;
  if (value === null || value === undefined) return false;
  return /^[<≤]/.test(words) ? value <= bound : value >= bound;
}

/**
 * Values at percentiles of a sample, by interpolation.
 * @param {ArrayLike<number>} ordered ascending, not empty
 * @param {number} percent 0 to 100
 */
function percentileOf(ordered, percent) {
  const place = (Math.min(Math.max(percent, 0), 100) / 100) * (ordered.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, ordered.length - 1);
  return ordered[low] + (place - low) * (ordered[high] - ordered[low]);
}
