import assert from "node:assert/strict";
import test from "node:test";

import { declared } from "./scripts.js";

const { inverseCdf, jitter, numberInWords, percentileAmong, percentileOf, spansDecades, withinBound } = declared(
  ["numbers.js"],
  ["inverseCdf", "jitter", "numberInWords", "percentileAmong", "percentileOf", "spansDecades", "withinBound"],
);

test("the cut is the smallest value that the share does not exceed", () => {
  const first = (values, share) => values.find((_, at) => share <= (at + 1) / values.length);
  for (const count of [1, 2, 3, 7, 20, 100]) {
    const values = Array.from({ length: count }, (_, at) => Math.floor(at / 2));
    for (let share = 0.005; share <= 1; share += 0.005) assert.equal(inverseCdf(values, share), first(values, share), `${share} of ${count}`);
  }
});

test("0.95 of twenty is the nineteenth, whatever 0.95 is in binary", () => {
  const values = Array.from({ length: 20 }, (_, at) => at + 1);
  assert.equal(inverseCdf(values, 0.95), 19);
  assert.equal(inverseCdf(values, 1), 20);
});

test("a percentile counts ties half and leaves out what is missing", () => {
  assert.equal(percentileAmong(2, [1, 2, 3, null]), 50);
  assert.equal(percentileAmong(3, [1, 2, 3, 4]), 62.5);
  assert.equal(percentileAmong(null, [1, 2]), undefined);
  assert.equal(percentileAmong(1, [1, null]), undefined);
});

test("a percentile of a sample lies between its ends", () => {
  assert.equal(percentileOf([5], 40), 5);
  assert.equal(percentileOf([0, 10], 25), 2.5);
  assert.equal(percentileOf([0, 1, 2], 100), 2);
  assert.equal(percentileOf([0, 1, 2], 170), 2);
});

test("jitter stays in its column and depends on the row alone", () => {
  for (let row = 0; row < 5000; row += 1) assert.ok(Math.abs(jitter(row)) <= 0.35);
  assert.equal(jitter(77), jitter(77));
  assert.notEqual(jitter(1), jitter(2));
});

test("numbers are short and never wrong by more than their last digit", () => {
  assert.equal(numberInWords(null), "–");
  assert.equal(numberInWords(NaN), "–");
  assert.equal(numberInWords(0), "0");
  assert.equal(numberInWords(1234.5), "1235");
  assert.equal(numberInWords(0.5), "0.50");
  assert.equal(numberInWords(-3.14159), "-3.14");
  assert.equal(numberInWords(0.0000123), "1.2e-5");
});

test("an axis is logarithmic only where all values are above 0 and span two decades", () => {
  assert.equal(spansDecades([1, 50, 100]), true);
  assert.equal(spansDecades([1, 99]), false);
  assert.equal(spansDecades([0, 1000]), false);
  assert.equal(spansDecades([-1, 1000, null]), false);
  assert.equal(spansDecades([]), false);
});

test("a bound keeps what lies on its side, and what is no bound keeps all", () => {
  assert.ok(withinBound(">0.5", 0.6) && withinBound("0.5", 0.5) && withinBound(">=0,5", 0.5) && withinBound("≤ 3", 3));
  assert.ok(!withinBound(">0.5", 0.4) && !withinBound("<0.5", 0.6) && !withinBound("<0.5", null));
  assert.ok(withinBound("", null) && withinBound(">", 1) && withinBound("x", 1));
});
