import assert from "node:assert/strict";
import test from "node:test";

import { declared } from "./scripts.js";

const { PLANES, borderOf, differenceOf, planeOf, voxelIndex } = declared(["planes.js"], ["PLANES", "borderOf", "differenceOf", "planeOf", "voxelIndex"]);

const SHAPE = [2, 3, 4];
const VOXELS = Uint8Array.from({ length: 24 }, (_, at) => at);

test("a plane shows every voxel of it once", () => {
  for (const plane of PLANES) {
    const seen = new Set();
    for (let at = 0; at < SHAPE[plane.fixed]; at += 1) for (const value of planeOf(VOXELS, plane, SHAPE, at)) seen.add(value);
    assert.equal(seen.size, 24, plane.name);
  }
});

test("a plane of one column is shown whole", () => {
  assert.deepEqual([...planeOf(Uint8Array.of(1, 2, 3), PLANES[0], [1, 3, 1], 0)], [3, 2, 1]);
});

test("the patient's right is on the left, the front and the head are up", () => {
  const [axial, coronal, sagittal] = PLANES;
  // The canonical axes grow to the head, to the front and to the right, so the last voxel is head, front, right.
  assert.equal(voxelIndex(axial, SHAPE, 1, 0, 0), 23);
  assert.equal(voxelIndex(coronal, SHAPE, 2, 0, 0), 23);
  assert.equal(voxelIndex(sagittal, SHAPE, 3, 0, 0), 23);
  assert.deepEqual([...axial.edges], ["R", "L", "A", "P"]);
  assert.deepEqual([...coronal.edges], ["R", "L", "H", "F"]);
  assert.deepEqual([...sagittal.edges], ["A", "P", "H", "F"]);
});

test("a border is as long as the mask's outline, and closed", () => {
  const square = Uint8Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0);
  const lines = borderOf(square, 4, 4);
  assert.equal(lines.length / 4, 8);
  const ends = new Map();
  for (let at = 0; at < lines.length; at += 2) {
    const end = `${lines[at]},${lines[at + 1]}`;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  assert.ok([...ends.values()].every((count) => count === 2));
});

test("a mask that fills the picture ends at its sides, an empty one nowhere", () => {
  assert.equal(borderOf(new Uint8Array(6).fill(1), 2, 3).length / 4, 10);
  assert.equal(borderOf(new Uint8Array(6), 2, 3).length, 0);
});

test("a hole has a border of its own", () => {
  const ring = Uint8Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1);
  assert.equal(borderOf(ring, 3, 3).length / 4, 12 + 4);
});

test("a difference says which mask is alone", () => {
  assert.deepEqual([...differenceOf(Uint8Array.of(0, 1, 0, 1), Uint8Array.of(0, 0, 1, 1))], [0, 1, 2, 0]);
});
