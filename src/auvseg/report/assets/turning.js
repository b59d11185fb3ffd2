// @ts-check
"use strict";

/**
 * From where a volume is looked at, and its structures as a field that a smooth surface can be found in. Knows nothing of
 * the page.
 *
 * The volume's axes are planes to the head, rows to the front, columns to the patient's right.
 */

/** Degrees: nobody is looked at from above the head upside down. */
const STEEPEST = 90;

/**
 * Right, up and towards the eye, each as parts of (columns, rows, planes), one after the other. Without a turn the eye
 * is in front of the patient, whose right is on the left.
 * @param {number} around degrees that the eye went around the patient, towards the patient's left
 * @param {number} above degrees that it is above the patient, at most STEEPEST
 * @returns {number[]} nine numbers
 */
function turnOf(around, above) {
  const [yaw, pitch] = [(around * Math.PI) / 180, (above * Math.PI) / 180];
  const [c, s, up, level] = [Math.cos(yaw), Math.sin(yaw), Math.sin(pitch), Math.cos(pitch)];
  return [-c, -s, 0, s * up, -c * up, level, -s * level, c * level, up];
}

/**
 * Where the eye is, in words: `front left, above`.
 * @param {number} around
 * @param {number} above
 */
function seenFrom(around, above) {
  if (Math.abs(above) > 75) return above > 0 ? "above" : "below";
  const sides = ["front", "front left", "left", "back left", "back", "back right", "right", "front right"];
  const side = sides[((Math.round(around / 45) % 8) + 8) % 8];
  return Math.abs(above) < 15 ? side : `${side}, ${above > 0 ? "above" : "below"}`;
}

/**
 * How much of every voxel's surroundings belongs to the structures, from 0 to 255: half of it at their surface.
 * @param {Uint8Array} label 0 where there is none
 * @param {ReadonlySet<number>} hidden values that count as none
 * @param {readonly number[]} shape planes, rows, columns
 */
function surroundings(label, hidden, shape) {
  /** @type {Uint8Array<ArrayBuffer>} */
  let field = new Uint8Array(label.length);
  for (let at = 0; at < label.length; at += 1) if (label[at] && !hidden.has(label[at])) field[at] = 255;
  const steps = [shape[1] * shape[2], shape[2], 1];
  steps.forEach((step, axis) => {
    const next = new Uint8Array(field.length);
    const last = shape[axis] - 1;
    for (let at = 0; at < field.length; at += 1) {
      const place = Math.floor(at / step) % shape[axis];
      const before = place > 0 ? field[at - step] : 0;
      const after = place < last ? field[at + step] : 0;
      next[at] = (before + 2 * field[at] + after) >> 2;
    }
    field = next;
  });
  return field;
}
