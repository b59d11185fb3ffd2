// @ts-check
"use strict";

/**
 * Three planes of a volume on 2-D canvases, with the label and the model's own mask over them.
 *
 * The volume's axes are planes to the head, rows to the front, columns to the patient's right. Pictures stand as
 * radiologists look at them: the patient's right on the left, the front up (axial) or on the left (sagittal).
 */

/** Level and width in HU. */
const WINDOWS = /** @type {const} */ ({
  "soft tissue": [40, 400],
  lung: [-600, 1500],
  bone: [400, 1800],
  brain: [40, 80],
  liver: [60, 160],
});

/** @typedef {{name: string, fixed: 0|1|2, down: 0|1|2, across: 0|1|2}} PlaneFacts */

/** @type {PlaneFacts[]} */
const PLANES = [
  { name: "axial", fixed: 0, down: 1, across: 2 },
  { name: "coronal", fixed: 1, down: 0, across: 2 },
  { name: "sagittal", fixed: 2, down: 0, across: 1 },
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
 * Which pixels of a mask lie at its border.
 * @param {Uint8Array} mask rows by columns, 0 outside
 * @param {number} height
 * @param {number} width
 */
function borderOf(mask, height, width) {
  const border = new Uint8Array(mask.length);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const at = row * width + column;
      const value = mask[at];
      if (!value) continue;
      const inside =
        row > 0 && mask[at - width] === value && row < height - 1 && mask[at + width] === value &&
        column > 0 && mask[at - 1] === value && column < width - 1 && mask[at + 1] === value;
      if (!inside) border[at] = value;
    }
  }
  return border;
}

class Viewer {
  /**
   * @param {HTMLElement} home
   * @param {ImagePayload} image
   * @param {Cohort} cohort
   * @param {Map<number, Set<number>>} scored the volume's planes that the model looked at, by the class's position
   * @param {(plane: number) => void} onPlane told which plane of the volume is shown
   */
  constructor(home, image, cohort, scored, onPlane) {
    this.home = home;
    this.image = image;
    this.cohort = cohort;
    this.scored = scored;
    this.onPlane = onPlane;
    this.shape = image.shape;
    this.at = this.shape.map((size) => Math.floor(size / 2));
    this.level = (image.range[0] + image.range[1]) / 2;
    this.width = Math.max(image.range[1] - image.range[0], 1e-6);
    if (cohort.modality === "ct") [this.level, this.width] = WINDOWS["soft tissue"];
    this.style = "outline";
    this.model = true;
    /** @type {Set<number>} positions of the classes that are hidden */
    this.hidden = new Set();
    /** @type {HTMLCanvasElement[]} */
    this.canvases = [];
    /** @type {HTMLInputElement[]} */
    this.sliders = [];
    this.ready = this.begin();
  }

  async begin() {
    const bytes = await auvseg.inflate(this.image.voxels);
    this.voxels = new Int16Array(bytes.buffer);
    this.label = this.image.label ? await auvseg.inflate(this.image.label) : undefined;
    /** @type {Map<number, Uint8Array>} by position of the class */
    this.masks = new Map();
    for (const [id, packed] of Object.entries(this.image.masks)) {
      const position = this.cohort.classes.findIndex((one) => String(one.id) === id);
      if (position >= 0) this.masks.set(position, await auvseg.inflate(packed));
    }
    this.start();
    this.build();
    this.draw();
  }

  /** Whether the model looked at a plane of the picture, for any class. @param {number} at */
  isScored(at) {
    const plane = this.image.first[0] + at * this.image.step[0];
    return [...this.scored.values()].some((planes) => planes.has(plane));
  }

  /** Where there is most to see: the plane with most of the label, of those that the model looked at. */
  start() {
    if (!this.label) return;
    const any = this.shape[0] && Array.from({ length: this.shape[0] }, (_, at) => at).some((at) => this.isScored(at));
    const size = this.shape[1] * this.shape[2];
    let most = 0;
    for (let plane = 0; plane < this.shape[0]; plane += 1) {
      let count = 0;
      if (any && !this.isScored(plane)) continue;
      for (let at = plane * size; at < (plane + 1) * size; at += 1) if (this.label[at]) count += 1;
      if (count > most) {
        most = count;
        this.at[0] = plane;
      }
    }
    const sums = [0, 0, 0];
    for (let at = this.at[0] * size; at < (this.at[0] + 1) * size; at += 1) {
      if (this.label[at]) {
        sums[0] += 1;
        sums[1] += Math.floor((at % size) / this.shape[2]);
        sums[2] += at % this.shape[2];
      }
    }
    if (sums[0]) {
      this.at[1] = Math.round(sums[1] / sums[0]);
      this.at[2] = Math.round(sums[2] / sums[0]);
    }
  }

  build() {
    const planes = auvseg.element("div", { class: "planes" });
    PLANES.forEach((plane, number) => {
      const height = this.shape[plane.down] * this.image.spacing[plane.down];
      const width = this.shape[plane.across] * this.image.spacing[plane.across];
      const factor = 360 / Math.max(height, width);
      const canvas = /** @type {HTMLCanvasElement} */ (
        auvseg.element("canvas", {
          width: String(Math.max(Math.round(width * factor), 24)),
          height: String(Math.max(Math.round(height * factor), 24)),
          tabindex: "0",
          role: "img",
          "data-plane": plane.name,
        })
      );
      const slider = /** @type {HTMLInputElement} */ (
        auvseg.element("input", { type: "range", min: "0", max: String(this.shape[plane.fixed] - 1), "aria-label": `${plane.name} plane` })
      );
      slider.value = String(this.at[plane.fixed]);
      slider.addEventListener("input", () => this.go(plane.fixed, Number(slider.value)));
      canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.go(plane.fixed, this.at[plane.fixed] + (event.deltaY > 0 ? -1 : 1));
      }, { passive: false });
      canvas.addEventListener("click", (event) => this.point(number, event));
      canvas.addEventListener("keydown", (event) => {
        const step = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        this.go(plane.fixed, this.at[plane.fixed] + step);
      });
      this.canvases.push(canvas);
      this.sliders.push(slider);
      planes.append(auvseg.element("figure", {}, canvas, slider, auvseg.element("figcaption", {})));
    });
    this.home.replaceChildren(this.controls(), planes);
  }

  controls() {
    const bar = auvseg.element("div", { class: "controls", role: "group", "aria-label": "how the image is shown" });
    const level = this.range("level", this.level, () => [this.level, (value) => (this.level = value)]);
    const width = this.range("width", this.width, () => [this.width, (value) => (this.width = Math.max(value, 1e-6))]);
    const preset = /** @type {HTMLSelectElement} */ (auvseg.element("select", { "aria-label": "window" }));
    const full = auvseg.element("option", { value: "full" }, "percentiles 0.5 to 99.5");
    preset.append(full);
    if (this.cohort.modality === "ct") {
      for (const [name, [middle, wide]] of Object.entries(WINDOWS)) {
        preset.append(auvseg.element("option", { value: name }, `${name} (${middle}, ${wide} HU)`));
      }
      preset.value = "soft tissue";
    }
    preset.addEventListener("change", () => {
      const known = WINDOWS[/** @type {keyof typeof WINDOWS} */ (preset.value)];
      [this.level, this.width] = known || [(this.image.range[0] + this.image.range[1]) / 2, this.image.range[1] - this.image.range[0]];
      level.value = String(this.level);
      width.value = String(this.width);
      this.draw();
    });
    const style = /** @type {HTMLSelectElement} */ (auvseg.element("select", { "aria-label": "label" }));
    for (const name of ["outline", "filled", "hidden"]) style.append(auvseg.element("option", { value: name }, `label: ${name}`));
    style.addEventListener("change", () => {
      this.style = style.value;
      this.draw();
    });
    this.styleSelect = style;
    const model = /** @type {HTMLInputElement} */ (auvseg.element("input", { type: "checkbox" }));
    model.checked = this.model;
    model.disabled = !this.masks?.size;
    model.addEventListener("change", () => {
      this.model = model.checked;
      this.draw();
    });
    this.modelBox = model;
    bar.append(
      auvseg.element("label", {}, "window ", preset), auvseg.element("label", {}, "level ", level),
      auvseg.element("label", {}, "width ", width), style,
      auvseg.element("label", { title: "dashed" }, model, " the model's own mask, dashed"),
    );
    this.cohort.classes.forEach((one, position) => {
      if (!this.holds(position)) return;
      const box = /** @type {HTMLInputElement} */ (auvseg.element("input", { type: "checkbox" }));
      box.checked = true;
      box.addEventListener("change", () => {
        if (box.checked) this.hidden.delete(position);
        else this.hidden.add(position);
        this.draw();
      });
      const swatch = auvseg.element("span", { class: "swatch" });
      swatch.style.background = one.colour;
      bar.append(auvseg.element("label", {}, box, swatch, one.name));
    });
    return bar;
  }

  /**
   * @param {string} name
   * @param {number} value
   * @param {() => [number, (value: number) => void]} access
   */
  range(name, value, access) {
    const [low, high] = this.image.range;
    const span = Math.max(high - low, 1e-6);
    const ends = this.cohort.modality === "ct" ? (name === "level" ? [-1000, 1500] : [1, 3000]) : name === "level" ? [low - span / 2, high + span / 2] : [span / 50, 2 * span];
    const input = /** @type {HTMLInputElement} */ (
      auvseg.element("input", { type: "range", min: String(ends[0]), max: String(ends[1]), step: String((ends[1] - ends[0]) / 500), "aria-label": name })
    );
    input.value = String(value);
    input.addEventListener("input", () => {
      access()[1](Number(input.value));
      this.draw();
    });
    return input;
  }

  /** @param {number} position */
  holds(position) {
    return this.masks?.has(position) || (this.label ? this.label.includes(position + 1) : false);
  }

  /** Change how the label is shown. */
  nextStyle() {
    const names = ["outline", "filled", "hidden"];
    this.style = names[(names.indexOf(this.style) + 1) % names.length];
    if (this.styleSelect) this.styleSelect.value = this.style;
    this.draw();
  }

  toggleModel() {
    if (!this.modelBox || this.modelBox.disabled) return;
    this.model = !this.model;
    this.modelBox.checked = this.model;
    this.draw();
  }

  /**
   * @param {0|1|2} axis
   * @param {number} position
   */
  go(axis, position) {
    this.at[axis] = Math.min(Math.max(Math.round(position), 0), this.shape[axis] - 1);
    this.draw();
  }

  /** @param {number} plane of the volume, as it lies in the file */
  goToPlane(plane) {
    this.go(0, (plane - this.image.first[0]) / this.image.step[0]);
  }

  /** The plane of the volume that the axial picture shows. */
  get plane() {
    return this.image.first[0] + this.at[0] * this.image.step[0];
  }

  /**
   * @param {number} number
   * @param {MouseEvent} event
   */
  point(number, event) {
    const plane = PLANES[number];
    const box = this.canvases[number].getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.shape[plane.down]);
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.shape[plane.across]);
    this.at[plane.down] = Math.min(Math.max(this.shape[plane.down] - 1 - row, 0), this.shape[plane.down] - 1);
    this.at[plane.across] = Math.min(Math.max(this.shape[plane.across] - 1 - column, 0), this.shape[plane.across] - 1);
    this.draw();
  }

  draw() {
    PLANES.forEach((plane, number) => this.drawPlane(plane, number));
    this.onPlane(this.plane);
  }

  /**
   * @param {PlaneFacts} plane
   * @param {number} number
   */
  drawPlane(plane, number) {
    const canvas = this.canvases[number];
    const context = canvas.getContext("2d");
    if (!context || !this.voxels) return;
    const height = this.shape[plane.down];
    const width = this.shape[plane.across];
    const at = this.at[plane.fixed];
    const picture = new ImageData(width, height);
    const label = new Uint8Array(width * height);
    const low = this.level - this.width / 2;
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const voxel = voxelIndex(plane, this.shape, at, row, column);
        const value = this.voxels[voxel] * this.image.slope + this.image.offset;
        const grey = ((value - low) / this.width) * 255;
        const pixel = row * width + column;
        picture.data[4 * pixel] = picture.data[4 * pixel + 1] = picture.data[4 * pixel + 2] = grey;
        picture.data[4 * pixel + 3] = 255;
        if (this.label) label[pixel] = this.label[voxel];
      }
    }
    const small = new OffscreenCanvas(width, height);
    small.getContext("2d")?.putImageData(picture, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    if (this.style !== "hidden") {
      this.cohort.classes.forEach((one, position) => {
        if (this.hidden.has(position)) return;
        const mine = label.map((value) => (value === position + 1 ? 1 : 0));
        this.mark(context, mine, height, width, one.colour, this.style === "filled", false);
      });
    }
    if (this.model) {
      for (const [position, mask] of this.masks || []) {
        if (this.hidden.has(position)) continue;
        const mine = new Uint8Array(width * height);
        for (let row = 0; row < height; row += 1) {
          for (let column = 0; column < width; column += 1) {
            mine[row * width + column] = mask[voxelIndex(plane, this.shape, at, row, column)];
          }
        }
        this.mark(context, mine, height, width, "#ffffff", false, true);
      }
    }
    const place = at * this.image.step[plane.fixed] + this.image.first[plane.fixed];
    const seen = plane.fixed !== 0 || !this.masks?.size || this.isScored(at) ? "" : ", the model did not look at it";
    const words = `${plane.name} plane ${place}${seen}`;
    canvas.setAttribute("aria-label", words);
    this.sliders[number].value = String(at);
    const caption = canvas.parentElement?.querySelector("figcaption");
    if (caption) caption.textContent = words;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Uint8Array} mask
   * @param {number} height
   * @param {number} width
   * @param {string} colour
   * @param {boolean} filled
   * @param {boolean} dashed
   */
  mark(context, mask, height, width, colour, filled, dashed) {
    const down = context.canvas.height / height;
    const across = context.canvas.width / width;
    context.save();
    if (filled) {
      context.globalAlpha = 0.4;
      context.fillStyle = colour;
      for (let pixel = 0; pixel < mask.length; pixel += 1) {
        if (mask[pixel]) context.fillRect((pixel % width) * across, Math.floor(pixel / width) * down, across, down);
      }
      context.globalAlpha = 1;
    }
    const border = borderOf(mask, height, width);
    context.beginPath();
    for (let pixel = 0; pixel < border.length; pixel += 1) {
      if (!border[pixel]) continue;
      const column = pixel % width;
      const row = Math.floor(pixel / width);
      // Every other pixel's sides: a line of dashes, told from a whole line without its colour.
      if (dashed && (row + column) % 2) continue;
      const [x, y] = [column * across, row * down];
      if (row === 0 || !mask[pixel - width]) context.rect(x, y, across, 0);
      if (row === height - 1 || !mask[pixel + width]) context.rect(x, y + down, across, 0);
      if (column === 0 || !mask[pixel - 1]) context.rect(x, y, 0, down);
      if (column === width - 1 || !mask[pixel + 1]) context.rect(x + across, y, 0, down);
    }
    if (dashed) {
      context.strokeStyle = "#000000";
      context.lineWidth = 3.5;
      context.stroke();
    }
    context.strokeStyle = colour;
    context.lineWidth = dashed ? 1.5 : 2;
    context.stroke();
    context.restore();
  }
}
