// @ts-check
"use strict";

/**
 * Planes of a volume as pictures: voxel positions and mask outlines. Independent of the page.
 *
 * The volume's axes: planes to the head, rows to the front, columns to the patient's right. Pictures follow the
 * radiological convention: the patient's right on the left, the front up (axial) or on the left (sagittal).
 *
 * @typedef {{name: string, fixed: 0|1|2, down: 0|1|2, across: 0|1|2, edges: readonly [string, string, string, string]}} PlaneFacts
 * `edges`: what lies to the left, to the right, up and down: R right, L left, A front, P back, H head, F feet.
 */

/** @type {PlaneFacts[]} */
const PLANES = [
  { name: "axial", fixed: 0, down: 1, across: 2, edges: ["R", "L", "A", "P"] },
  { name: "coronal", fixed: 1, down: 0, across: 2, edges: ["R", "L", "H", "F"] },
  { name: "sagittal", fixed: 2, down: 0, across: 1, edges: ["A", "P", "H", "F"] },
];

/**
 * Index of a voxel on a plane's picture.
 * @param {PlaneFacts} plane
 * @param {readonly number[]} shape
 * @param {number} at position along the fixed axis
 * @param {number} row of the picture, from the top
 * @param {number} column of the picture, from the left
 */
function voxelIndex(plane, shape, at, row, column) {
  const place = [0, 0, 0];
  place[plane.fixed] = at;
  place[plane.down] = shape[plane.down] - 1 - row;
  place[plane.across] = shape[plane.across] - 1 - column;
  return (place[0] * shape[1] + place[1]) * shape[2] + place[2];
}

/**
 * A plane of a volume as a picture, row by row from the top left.
 * @template {Uint8Array|Int16Array} T
 * @param {T} voxels
 * @param {PlaneFacts} plane
 * @param {readonly number[]} shape
 * @param {number} at position along the fixed axis
 * @returns {T}
 */
function planeOf(voxels, plane, shape, at) {
  const [height, width] = [shape[plane.down], shape[plane.across]];
  const picture = /** @type {T} */ (new /** @type {any} */ (voxels.constructor)(height * width));
  for (let row = 0; row < height; row += 1) {
    const first = voxelIndex(plane, shape, at, row, 0);
    const step = width > 1 ? voxelIndex(plane, shape, at, row, 1) - first : 0;
    for (let column = 0; column < width; column += 1) picture[row * width + column] = voxels[first + column * step];
  }
  return picture;
}

/**
 * The outline of a mask: closed lines along the sides of its pixels, each a list of corners, x and y in turn, in pixels.
 * The mask lies to the right of where a line goes, so that a hole is gone round the other way.
 * @param {Uint8Array} mask rows by columns, 0 outside
 * @param {number} height
 * @param {number} width
 * @returns {number[][]}
 */
function outlineOf(mask, height, width) {
  const sides = sidesOf(mask, height, width);
  const loops = [];
  for (const [start, ends] of sides) {
    while (ends.length) {
      const loop = [];
      let at = start;
      do {
        loop.push(at % (width + 1), Math.floor(at / (width + 1)));
        at = /** @type {number} */ (sides.get(at)?.pop());
      } while (at !== start);
      loops.push(loop);
    }
  }
  return loops;
}

/**
 * Sides of pixels between a mask and what is not of it: from which corner to which.
 * @param {Uint8Array} mask
 * @param {number} height
 * @param {number} width
 */
function sidesOf(mask, height, width) {
  /** @type {Map<number, number[]>} */
  const sides = new Map();
  const add = (/** @type {number} */ from, /** @type {number} */ to) => {
    const ends = sides.get(from);
    if (ends) ends.push(to);
    else sides.set(from, [to]);
  };
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const at = row * width + column;
      if (!mask[at]) continue;
      const corner = row * (width + 1) + column;
      const below = corner + width + 1;
      if (row === 0 || !mask[at - width]) add(corner, corner + 1);
      if (column === width - 1 || !mask[at + 1]) add(corner + 1, below + 1);
      if (row === height - 1 || !mask[at + width]) add(below + 1, below);
      if (column === 0 || !mask[at - 1]) add(below, corner);
    }
  }
  return sides;
}

/**
 * Pixels on which the label and the model's mask disagree: 1 in the label only, 2 in the mask only.
 * @param {Uint8Array} label
 * @param {Uint8Array} mask
 */
function differenceOf(label, mask) {
  return label.map((value, at) => (value && !mask[at] ? 1 : !value && mask[at] ? 2 : 0));
}
