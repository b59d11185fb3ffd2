// @ts-check
"use strict";

/**
 * Draw on a plane's canvas: grey values, masks as outlines or areas, crosshairs, side letters. A canvas has two pixels
 * per page pixel.
 */

/** Length of a dash, and of what is left free after it. */
const DASHES = [18, 12];

/**
 * Grey values of a plane, one pixel per voxel.
 * @param {Int16Array} values
 * @param {number} height
 * @param {number} width
 * @param {(value: number) => number} grey 0 to 255
 */
function greyPicture(values, height, width, grey) {
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < values.length; pixel += 1) {
    const shade = grey(values[pixel]);
    picture.data.set([shade, shade, shade, 255], 4 * pixel);
  }
  const small = document.createElement("canvas");
  [small.width, small.height] = [width, height];
  small.getContext("2d")?.putImageData(picture, 0, 0);
  return small;
}

/**
 * The outline of a mask over a picture, on a dark line so that it is seen on any grey.
 * @param {CanvasRenderingContext2D} context
 * @param {Uint8Array} mask
 * @param {number} height
 * @param {number} width
 * @param {string} colour
 * @param {boolean} dashed told from a whole line without its colour
 */
function paintOutline(context, mask, height, width, colour, dashed) {
  const [down, across] = [context.canvas.height / height, context.canvas.width / width];
  const path = new Path2D();
  for (const loop of outlineOf(mask, height, width)) {
    path.moveTo(loop[0] * across, loop[1] * down);
    for (let at = 2; at < loop.length; at += 2) path.lineTo(loop[at] * across, loop[at + 1] * down);
    path.closePath();
  }
  context.save();
  context.setLineDash(dashed ? DASHES : []);
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.lineWidth = 8;
  context.stroke(path);
  context.strokeStyle = colour;
  context.lineWidth = 4;
  context.stroke(path);
  context.restore();
}

/**
 * A mask's pixels, filled; striped where asked.
 * @param {CanvasRenderingContext2D} context
 * @param {Uint8Array} mask
 * @param {number} height
 * @param {number} width
 * @param {string} colour
 * @param {boolean} striped
 */
function paintArea(context, mask, height, width, colour, striped) {
  const [down, across] = [context.canvas.height / height, context.canvas.width / width];
  context.save();
  const path = new Path2D();
  mask.forEach((value, pixel) => {
    if (value) path.rect((pixel % width) * across, Math.floor(pixel / width) * down, across, down);
  });
  context.clip(path);
  context.globalAlpha = striped ? 0.9 : 0.45;
  context.fillStyle = context.strokeStyle = colour;
  if (striped) {
    const gap = 16;
    context.lineWidth = gap / 2.5;
    context.beginPath();
    for (let x = -context.canvas.height; x < context.canvas.width; x += gap) {
      context.moveTo(x, 0);
      context.lineTo(x + context.canvas.height, context.canvas.height);
    }
    context.stroke();
  } else context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  context.restore();
}

/**
 * Where the other two planes cut this one.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x share of the width
 * @param {number} y share of the height
 */
function paintCross(context, x, y) {
  const { width, height } = context.canvas;
  const gap = 40; // what is pointed at stays free
  const [left, top] = [x * width, y * height];
  context.beginPath();
  for (const [x0, y0, x1, y1] of [[0, top, left - gap, top], [left + gap, top, width, top], [left, 0, left, top - gap], [left, top + gap, left, height]]) {
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  }
  context.strokeStyle = "rgba(255, 255, 255, 0.45)";
  context.lineWidth = 2;
  context.stroke();
}

/**
 * The letters of the four sides.
 * @param {CanvasRenderingContext2D} context
 * @param {readonly [string, string, string, string]} edges left, right, up, down
 */
function paintEdges(context, edges) {
  const { width, height } = context.canvas;
  const size = 28;
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = size / 4;
  context.strokeStyle = "rgba(0, 0, 0, 0.8)";
  context.fillStyle = "#ffffff";
  const places = [[size, height / 2], [width - size, height / 2], [width / 2, size], [width / 2, height - size]];
  edges.forEach((letter, side) => {
    context.strokeText(letter, places[side][0], places[side][1]);
    context.fillText(letter, places[side][0], places[side][1]);
  });
}
