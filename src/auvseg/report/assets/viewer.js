// @ts-check
"use strict";

/**
 * Three planes of a volume on 2-D canvases, at one scale, with the label and the model's own mask over them.
 */

/** How the label is shown. `difference`: where it and the model's mask disagree. */
const STYLES = /** @type {const} */ (["outline", "filled", "difference", "hidden"]);

/** Pixels of a plane's height, at most. */
const HIGHEST = 480;

/** Pixels of width from which the three planes stand side by side. */
const SIDE_BY_SIDE = 800;

/** Pixels that two gaps between planes and the panel's own margins take. */
const MARGINS = 70;

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
    /** @type {typeof STYLES[number]} */
    this.style = "outline";
    this.model = true;
    this.cross = true;
    /** @type {Set<number>} positions of the classes that are hidden */
    this.hidden = new Set();
    /** @type {HTMLCanvasElement[]} */
    this.canvases = [];
    /** @type {HTMLInputElement[]} */
    this.sliders = [];
    /** @type {Map<number, Uint8Array>} the model's masks, by position of the class */
    this.masks = new Map();
    this.ready = this.begin();
  }

  async begin() {
    const bytes = await auvseg.inflate(this.image.voxels);
    this.voxels = new Int16Array(bytes.buffer);
    this.label = this.image.label ? await auvseg.inflate(this.image.label) : undefined;
    for (const [id, packed] of Object.entries(this.image.masks)) {
      const position = this.cohort.classes.findIndex((one) => String(one.id) === id);
      if (position >= 0) this.masks.set(position, await auvseg.inflate(packed));
    }
    this.windowing = new Windowing(this.image, this.voxels, this.cohort.modality === "ct", () => this.draw());
    this.start();
    this.build();
    this.draw();
  }

  /** Whether the model looked at a plane of the picture, for any class. @param {number} at */
  isScored(at) {
    const plane = this.volumePlane(at);
    return [...this.scored.values()].some((planes) => planes.has(plane));
  }

  /** Where there is most to see: the plane with most of the label, of those that the model looked at. */
  start() {
    if (!this.label) return;
    const size = this.shape[1] * this.shape[2];
    const every = Array.from({ length: this.shape[0] }, (_, at) => at);
    const looked = every.filter((at) => this.isScored(at));
    let most = 0;
    for (const plane of looked.length ? looked : every) {
      const [count, row, column] = this.middleOf(plane * size, size);
      if (count <= most) continue;
      most = count;
      this.at = [plane, Math.round(row), Math.round(column)];
    }
  }

  /** How many labelled voxels a plane has, and the middle of them. @param {number} first @param {number} size */
  middleOf(first, size) {
    const sums = [0, 0, 0];
    for (let at = 0; at < size; at += 1) {
      if (!this.label?.[first + at]) continue;
      sums[0] += 1;
      sums[1] += Math.floor(at / this.shape[2]);
      sums[2] += at % this.shape[2];
    }
    return [sums[0], sums[1] / sums[0], sums[2] / sums[0]];
  }

  build() {
    const planes = auvseg.element("div", { class: "planes" });
    const size = this.shape.map((count, axis) => count * this.image.spacing[axis]);
    const widths = PLANES.map((plane) => size[plane.across]);
    const room = Math.max(this.home.clientWidth - MARGINS, 200);
    const wide = room > SIDE_BY_SIDE ? widths.reduce((a, b) => a + b) : Math.max(...widths);
    // One scale for all three, so that sizes compare.
    const factor = Math.min(room / wide, HIGHEST / Math.max(...PLANES.map((plane) => size[plane.down])));
    PLANES.forEach((plane, number) => {
      const height = Math.max(this.shape[plane.down] * this.image.spacing[plane.down] * factor, 24);
      const width = Math.max(this.shape[plane.across] * this.image.spacing[plane.across] * factor, 24);
      planes.append(this.figure(plane, number, Math.round(width), Math.round(height)));
    });
    this.home.replaceChildren(planes, this.controls());
  }

  /**
   * @param {PlaneFacts} plane
   * @param {number} number
   * @param {number} width
   * @param {number} height
   */
  figure(plane, number, width, height) {
    const canvas = /** @type {HTMLCanvasElement} */ (
      auvseg.element("canvas", { width: String(2 * width), height: String(2 * height), tabindex: "0", role: "img", "data-plane": plane.name })
    );
    canvas.style.width = `${width}px`;
    const slider = /** @type {HTMLInputElement} */ (
      auvseg.element("input", { type: "range", min: "0", max: String(this.shape[plane.fixed] - 1), "aria-label": `${plane.name} plane` })
    );
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
    return auvseg.element("figure", {}, canvas, slider, auvseg.element("figcaption", {}));
  }

  controls() {
    const bar = auvseg.element("div", { class: "controls", role: "group", "aria-label": "image display" });
    const style = /** @type {HTMLSelectElement} */ (auvseg.element("select", { "aria-label": "label", "data-control": "style" }));
    for (const name of STYLES) style.append(auvseg.element("option", { value: name }, name));
    style.addEventListener("change", () => {
      this.style = /** @type {typeof STYLES[number]} */ (style.value);
      this.draw();
    });
    this.styleSelect = style;
    this.modelBox = this.box(this.model, (checked) => (this.model = checked));
    this.modelBox.disabled = !this.masks.size;
    const cross = this.box(this.cross, (checked) => (this.cross = checked));
    this.legend = auvseg.element("span", { class: "legend" });
    const only = (/** @type {string} */ words, /** @type {string} */ kind) => auvseg.element("span", {}, auvseg.element("span", { class: `swatch ${kind}` }), words);
    this.legend.append(only("filled: the label alone", "label-alone"), only("striped: the model alone", "model-alone"));
    bar.append(
      ...(this.windowing?.controls() || []),
      auvseg.element("label", {}, "label ", style),
      auvseg.element("label", {}, this.modelBox, auvseg.element("span", { class: "dashes" }), "the model's own mask"),
      auvseg.element("label", {}, cross, " cross"),
      this.legend,
      ...this.cohort.classes.flatMap((one, position) => (this.holds(position) ? [this.classBox(one, position)] : [])),
    );
    return bar;
  }

  /** @param {ClassFacts} one @param {number} position */
  classBox(one, position) {
    const box = this.box(true, (checked) => void (checked ? this.hidden.delete(position) : this.hidden.add(position)));
    const swatch = auvseg.element("span", { class: "swatch" });
    swatch.style.background = one.colour;
    return auvseg.element("label", { class: "class" }, box, swatch, auvseg.element("bdi", {}, one.name));
  }

  /** @param {boolean} checked @param {(checked: boolean) => void} onChange */
  box(checked, onChange) {
    const box = /** @type {HTMLInputElement} */ (auvseg.element("input", { type: "checkbox" }));
    box.checked = checked;
    box.addEventListener("change", () => {
      onChange(box.checked);
      this.draw();
    });
    return box;
  }

  /** @param {number} position */
  holds(position) {
    return this.masks.has(position) || (this.label ? this.label.includes(position + 1) : false);
  }

  /** Change how the label is shown. */
  nextStyle() {
    this.style = STYLES[(STYLES.indexOf(this.style) + 1) % STYLES.length];
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

  /** @param {number} at a plane of the picture */
  volumePlane(at) {
    return this.image.first[0] + at * this.image.step[0];
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
    if (this.legend) this.legend.hidden = this.style !== "difference";
    PLANES.forEach((plane, number) => this.drawPlane(plane, number));
    this.onPlane(this.volumePlane(this.at[0]));
  }

  /**
   * @param {PlaneFacts} plane
   * @param {number} number
   */
  drawPlane(plane, number) {
    const canvas = this.canvases[number];
    const context = canvas.getContext("2d");
    if (!context || !this.voxels || !this.windowing) return;
    const [height, width, at] = [this.shape[plane.down], this.shape[plane.across], this.at[plane.fixed]];
    const grey = greyPicture(planeOf(this.voxels, plane, this.shape, at), height, width, this.windowing.grey);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(grey, 0, 0, canvas.width, canvas.height);
    const label = this.label && planeOf(this.label, plane, this.shape, at);
    this.cohort.classes.forEach((one, position) => {
      if (this.hidden.has(position)) return;
      const mine = label?.map((value) => (value === position + 1 ? 1 : 0));
      const whole = this.masks.get(position);
      const mask = whole && planeOf(whole, plane, this.shape, at);
      this.paintClass(context, one.colour, height, width, mine, mask, plane.fixed !== 0 || this.isScored(at));
    });
    const share = (/** @type {0|1|2} */ axis) => (this.shape[axis] - this.at[axis] - 0.5) / this.shape[axis];
    if (this.cross) paintCross(context, share(plane.across), share(plane.down));
    paintEdges(context, plane.edges);
    this.caption(plane, number);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {string} colour
   * @param {number} height
   * @param {number} width
   * @param {Uint8Array|undefined} label
   * @param {Uint8Array|undefined} mask
   * @param {boolean} scored whether the model looked here: elsewhere nothing can differ
   */
  paintClass(context, colour, height, width, label, mask, scored) {
    if (label && this.style === "difference" && mask && scored) {
      const difference = differenceOf(label, mask);
      paintArea(context, difference.map((one) => Number(one === 1)), height, width, colour, false);
      paintArea(context, difference.map((one) => Number(one === 2)), height, width, "#ffffff", true);
    }
    if (label && this.style === "filled") paintArea(context, label, height, width, colour, false);
    if (label && this.style !== "hidden") paintOutline(context, label, height, width, colour, false);
    if (mask && this.model) paintOutline(context, mask, height, width, "#ffffff", true);
  }

  /** @param {PlaneFacts} plane @param {number} number */
  caption(plane, number) {
    const at = this.at[plane.fixed];
    const place = at * this.image.step[plane.fixed] + this.image.first[plane.fixed];
    const seen = plane.fixed !== 0 || !this.masks.size || this.isScored(at) ? "" : " – the model did not look at it";
    const words = `${plane.name} slice ${place}${seen}`;
    this.canvases[number].setAttribute("aria-label", words);
    this.sliders[number].value = String(at);
    const caption = this.canvases[number].parentElement?.querySelector("figcaption");
    const voxel = (this.at[0] * this.shape[1] + this.at[1]) * this.shape[2] + this.at[2];
    const value = plane.fixed === 0 && this.voxels && this.cross ? `, ${this.windowing?.inWords(this.voxels[voxel])} at the cross` : "";
    if (caption) caption.textContent = words + value;
  }
}
