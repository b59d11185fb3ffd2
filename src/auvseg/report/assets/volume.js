// @ts-check
"use strict";

/**
 * The volume as a whole, turned by mouse and keyboard: structures as surfaces, and the brightest voxel along each line of
 * sight. By WebGL 2; nothing of it appears where the browser has none.
 */

const auvsegVolume = (() => {
  const element = auvseg.element;
  const MODES = /** @type {const} */ (["structures and brightest", "structures", "brightest"]);
  const SIDES = [420, 300, 210, 150];
  const SLOW_MS = 150;
  const STEP_DEGREES = 10;
  const DEGREES_A_PIXEL = 0.5;

  /** The structures of a case: its label, or where it has none the model's own masks. @param {Viewer} viewer */
  function structuresOf(viewer) {
    if (viewer.label) return viewer.label;
    const found = new Uint8Array(viewer.shape[0] * viewer.shape[1] * viewer.shape[2]);
    for (const [position, mask] of viewer.masks) mask.forEach((value, at) => value && (found[at] = position + 1));
    return found;
  }

  /** Intensities in 256 steps of the range that nearly all of them lie in. @param {Viewer} viewer */
  function greysOf(viewer) {
    const { slope, offset, range } = viewer.image;
    const factor = 255 / Math.max(range[1] - range[0], 1e-12);
    const voxels = viewer.voxels || new Int16Array();
    return Uint8Array.from(voxels, (stored) => Math.min(Math.max((stored * slope + offset - range[0]) * factor, 0), 255));
  }

  class Volume {
    /** @param {Viewer} viewer @param {Machine} made @param {HTMLElement} caption */
    constructor(viewer, made, caption) {
      this.viewer = viewer;
      this.made = made;
      this.caption = caption;
      this.around = this.above = 0;
      this.nearer = 1;
      /** @type {typeof MODES[number]} */
      this.mode = MODES[0];
      this.structures = structuresOf(viewer);
      this.hidden = "none yet";
      auvsegSight.volumeTexture(made, 0, viewer.shape, greysOf(viewer), false);
      auvsegSight.volumeTexture(made, 2, viewer.shape, Uint8Array.from(this.structures), true);
      auvsegSight.colourTexture(made, viewer.cohort.classes);
      this.waiting = this.again = false;
    }

    /** Draw with the next picture that the browser shows. */
    draw() {
      this.again = this.waiting;
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        if (shown === this && this.made.program && !this.made.gl.isContextLost()) this.drawNow(this.made.program);
        else this.waiting = false;
      });
    }

    /** @param {WebGLProgram} program */
    drawNow(program) {
      const { gl, canvas } = this.made;
      const { viewer } = this;
      this.showStructures();
      const size = [2, 1, 0].map((axis) => (viewer.shape[axis] * viewer.image.spacing[axis]) / 2);
      const radius = Math.hypot(...size);
      const range = viewer.image.range;
      const span = Math.max(range[1] - range[0], 1e-12);
      const { low, high } = viewer.windowing || { low: range[0], high: range[1] };
      const at = (/** @type {string} */ name) => gl.getUniformLocation(program, name);
      gl.uniformMatrix3fv(at("turn"), false, turnOf(this.around, this.above));
      gl.uniform3fv(at("size"), size);
      gl.uniform1f(at("radius"), radius / this.nearer);
      gl.uniform1f(at("steps"), (1.25 * Math.hypot(...viewer.shape)) / this.nearer);
      gl.uniform2f(at("window"), (low - range[0]) / span, Math.max((high - low) / span, 1e-6));
      gl.uniform1i(at("mode"), MODES.indexOf(this.mode));
      this.timed(() => gl.drawArrays(gl.TRIANGLES, 0, 3));
      const words = `seen from: ${seenFrom(this.around, this.above)}`;
      this.caption.textContent = words;
      canvas.setAttribute("aria-label", `the volume, ${words}`);
    }

    /**
     * Draw, and go on when the browser has done it: pictures do not pile up, and one that draws on the processor gets fewer
     * pixels next time.
     * @param {() => void} draw
     */
    timed(draw) {
      const { gl, warm } = this.made;
      const begun = performance.now();
      draw();
      const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
      gl.flush();
      const look = () => {
        if (fence && !gl.isContextLost() && gl.getSyncParameter(fence, gl.SYNC_STATUS) !== gl.SIGNALED) {
          setTimeout(look, 5);
          return;
        }
        gl.deleteSync(fence);
        // The first picture takes longer, for the machine is being made.
        this.made.warm = true;
        if (warm && performance.now() - begun > SLOW_MS) this.coarser();
        this.waiting = false;
        if (this.again) this.draw();
      };
      setTimeout(look);
    }

    coarser() {
      const { gl, canvas, coarse } = this.made;
      if (coarse === SIDES.length - 1) return;
      this.made.coarse += 1;
      canvas.width = canvas.height = SIDES[this.made.coarse];
      gl.viewport(0, 0, canvas.width, canvas.height);
      this.again = true;
    }

    /** The surface of the structures that are not hidden. */
    showStructures() {
      const hidden = [...this.viewer.hidden].sort().join();
      if (hidden === this.hidden) return;
      this.hidden = hidden;
      const none = new Set([...this.viewer.hidden].map((position) => position + 1));
      auvsegSight.volumeTexture(this.made, 1, this.viewer.shape, surroundings(this.structures, none, this.viewer.shape), false);
    }

    /** @param {number} around @param {number} above degrees */
    turn(around, above) {
      this.around += around;
      this.above = Math.min(Math.max(this.above + above, -STEEPEST), STEEPEST);
      this.draw();
    }

    /** @param {number} factor */
    zoom(factor) {
      this.nearer = Math.min(Math.max(this.nearer * factor, 0.5), 8);
      this.draw();
    }

    reset() {
      this.around = this.above = 0;
      this.nearer = 1;
      this.draw();
    }
  }

  /** @type {Volume|undefined} */
  let shown;
  /** @type {Machine|undefined} */
  let machine;
  let asked = false;

  /** @param {HTMLCanvasElement} canvas */
  function listen(canvas) {
    /** @type {Object<string, (volume: Volume) => void>} */
    const keys = {
      ArrowLeft: (volume) => volume.turn(STEP_DEGREES, 0),
      ArrowRight: (volume) => volume.turn(-STEP_DEGREES, 0),
      ArrowUp: (volume) => volume.turn(0, -STEP_DEGREES),
      ArrowDown: (volume) => volume.turn(0, STEP_DEGREES),
      PageUp: (volume) => volume.zoom(1.25),
      PageDown: (volume) => volume.zoom(0.8),
      Home: (volume) => volume.reset(),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!shown || !keys[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key](shown);
    });
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) shown?.turn(-event.movementX * DEGREES_A_PIXEL, event.movementY * DEGREES_A_PIXEL);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      shown?.zoom(event.deltaY > 0 ? 0.9 : 1.1);
    }, { passive: false });
    canvas.addEventListener("dblclick", () => shown?.reset());
    canvas.addEventListener("webglcontextlost", () => {
      machine = shown = undefined;
      asked = false;
      canvas.closest(".volume")?.replaceChildren(element("p", {}, "the browser gave the volume up; close this and open it again"));
    });
  }

  /** What draws, asked for once; undefined where the browser cannot. */
  function theMachine() {
    if (!asked) {
      const canvas = /** @type {HTMLCanvasElement} */ (element("canvas", { width: String(SIDES[0]), height: String(SIDES[0]), tabindex: "0", role: "img", "data-volume": "" }));
      canvas.style.width = `${SIDES[0]}px`;
      machine = auvsegSight.start(canvas);
      if (machine) listen(canvas);
      asked = true;
    }
    return machine;
  }

  /** @param {Viewer} viewer @param {HTMLElement} home @returns {boolean} whether there is anything to see */
  function open(viewer, home) {
    const made = theMachine();
    if (!made || !(made.program || auvsegSight.build(made))) return false;
    const caption = element("figcaption", {});
    const volume = new Volume(viewer, made, caption);
    const select = /** @type {HTMLSelectElement} */ (element("select", { "aria-label": "what the volume shows", "data-control": "volume" }, ...MODES.map((name) => element("option", {}, name))));
    select.addEventListener("change", () => {
      volume.mode = MODES[select.selectedIndex];
      volume.draw();
    });
    const hint = element("p", { class: "hint" }, "Drag to turn, the wheel goes nearer; with the keyboard: arrows, Page Up and Down, Home. Window and structures are those of the planes.");
    home.append(element("label", {}, "show ", select), element("figure", {}, made.canvas, caption), hint);
    shown = viewer.volume = volume;
    volume.draw();
    return true;
  }

  return {
    /**
     * Put below the planes what draws the volume when it is opened; nothing where the browser cannot.
     * @param {Viewer} viewer that is ready
     * @param {HTMLElement} place
     */
    offer(viewer, place) {
      const home = element("div", { class: "volume" });
      const details = /** @type {HTMLDetailsElement} */ (element("details", { id: "volume" }, element("summary", {}, "the whole volume, to be turned"), home));
      details.addEventListener("toggle", () => {
        home.replaceChildren();
        shown = viewer.volume = undefined;
        if (details.open && !open(viewer, home)) details.remove();
      });
      // The first question may take the browser a second: the planes are drawn before it.
      setTimeout(() => place.isConnected && theMachine() && place.append(details));
    },
  };
})();
