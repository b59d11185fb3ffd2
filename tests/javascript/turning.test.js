import assert from "node:assert/strict";
import test from "node:test";

import { declared } from "./scripts.js";

const { turnOf, seenFrom, surroundings } = declared(["turning.js"], ["turnOf", "seenFrom", "surroundings"]);

const near = (one, other) => one.forEach((value, at) => assert.ok(Math.abs(value - other[at]) < 1e-12, `${one} is not ${other}`));

// Parts of (columns to the patient's right, rows to the front, planes to the head).
const [RIGHT, FRONT, HEAD] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
const minus = (axis) => axis.map((value) => -value);

test("at first the eye is in front, the patient's left on the right of the picture, the head up", () => {
  near(turnOf(0, 0), [...minus(RIGHT), ...HEAD, ...FRONT]);
});

test("a quarter around, the eye is at the patient's left and the front is on the left of the picture", () => {
  near(turnOf(90, 0), [...minus(FRONT), ...HEAD, ...minus(RIGHT)]);
});

test("from above the front is down, as a person who stands before the patient looks down", () => {
  near(turnOf(0, 90), [...minus(RIGHT), ...minus(FRONT), ...HEAD]);
});

test("every turn keeps right angles, lengths and handedness", () => {
  for (const [around, above] of [[10, 20], [200, -70], [-45, 90]]) {
    const turn = turnOf(around, above);
    const [right, up, eye] = [turn.slice(0, 3), turn.slice(3, 6), turn.slice(6)];
    const dot = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0);
    near([dot(right, right), dot(up, up), dot(eye, eye), dot(right, up), dot(up, eye), dot(eye, right)], [1, 1, 1, 0, 0, 0]);
    near([right[1] * up[2] - right[2] * up[1], right[2] * up[0] - right[0] * up[2], right[0] * up[1] - right[1] * up[0]], eye);
  }
});

test("words follow the eye around", () => {
  assert.equal(seenFrom(0, 0), "front");
  assert.equal(seenFrom(90, 0), "left");
  assert.equal(seenFrom(-90, 30), "right, above");
  assert.equal(seenFrom(540, -20), "back, below");
  assert.equal(seenFrom(45, 89), "above");
});

test("inside a structure everything around is of it, far away nothing, at its face the half", () => {
  const shape = [4, 6, 8];
  const label = new Uint8Array(4 * 6 * 8);
  for (let at = 0; at < label.length; at += 1) label[at] = at % 8 < 4 ? 1 : 2;
  const all = surroundings(label, new Set(), shape);
  const one = surroundings(label, new Set([2]), shape);
  const middle = (plane, row, column) => (plane * 6 + row) * 8 + column;
  assert.equal(all[middle(2, 3, 4)], 255);
  assert.equal(one[middle(2, 3, 1)], 255);
  assert.equal(one[middle(2, 3, 6)], 0);
  assert.ok(one[middle(2, 3, 3)] > 127 && one[middle(2, 3, 4)] < 127);
  assert.ok(all[0] < 127, "a corner sticks out into nothing on three sides");
});
