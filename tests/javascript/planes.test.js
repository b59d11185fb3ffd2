import assert from "node:assert/strict";
import test from "node:test";

import { declared } from "./scripts.js";

const { PLANES, differenceOf, outlineOf, planeOf, voxelIndex } = declared(["planes.js"], ["PLANES", "differenceOf", "outlineOf", "planeOf", "voxelIndex"]);

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

const around = (mask, height, width) => JSON.parse(JSON.stringify(outlineOf(Uint8Array.from(mask), height, width)));

/** Twice the area that a closed line goes round, positive to the right. */
function area(loop) {
  let sum = 0;
  for (let at = 0; at < loop.length; at += 2) {
    const next = (at + 2) % loop.length;
    sum += loop[at] * loop[next + 1] - loop[next] * loop[at + 1];
  }
  return sum;
}

test("an outline is one closed line along the sides of the pixels", () => {
  const [loop, ...more] = around([0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0], 4, 4);
  assert.deepEqual(more, []);
  assert.deepEqual(loop, [1, 1, 2, 1, 3, 1, 3, 2, 3, 3, 2, 3, 1, 3, 1, 2]);
});

test("what the outlines go round, holes taken off, is the mask", () => {
  let seed = 1;
  for (let round = 0; round < 50; round += 1) {
    const mask = Array.from({ length: 56 }, () => Number((seed = (seed * 48271) % 2147483647) % 3 > 0));
    const loops = around(mask, 7, 8);
    const pixels = mask.reduce((sum, one) => sum + one, 0);
    assert.equal(loops.reduce((sum, loop) => sum + area(loop), 0) / 2, pixels);
    for (const loop of loops) {
      for (let at = 0; at < loop.length; at += 2) {
        const next = (at + 2) % loop.length;
        assert.equal(Math.abs(loop[at] - loop[next]) + Math.abs(loop[at + 1] - loop[next + 1]), 1);
      }
    }
  }
});

test("a mask that fills the picture ends at its sides, an empty one nowhere", () => {
  assert.equal(around(new Array(6).fill(1), 2, 3)[0].length / 2, 10);
  assert.deepEqual(around(new Array(6).fill(0), 2, 3), []);
});

test("a hole has a line of its own, the other way round", () => {
  const areas = around([1, 1, 1, 1, 0, 1, 1, 1, 1], 3, 3).map(area);
  assert.deepEqual(areas.sort((one, other) => one - other), [-2, 18]);
});

test("a difference says which mask is alone", () => {
  assert.deepEqual([...differenceOf(Uint8Array.of(0, 1, 0, 1), Uint8Array.of(0, 0, 1, 1))], [0, 1, 2, 0]);
});
