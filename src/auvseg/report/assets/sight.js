// @ts-check
"use strict";

/**
 * A volume along lines of sight, by WebGL 2: the shader, and what it needs to be told. Knows nothing of the page.
 *
 * Distances are those of the volume's box, whose middle is the origin; three of a kind stand in the order of columns,
 * rows, planes.
 *
 * @typedef {{canvas: HTMLCanvasElement, gl: WebGL2RenderingContext, program: WebGLProgram|undefined, textures: WebGLTexture[], coarse: number, warm: boolean}} Machine
 * One for the whole page: browsers allow few, and take long to make one.
 */

const auvsegSight = (() => {
  const CORNERS = `#version 300 es
    out vec2 place;
    void main() {
      place = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
      gl_Position = vec4(place, 0.0, 1.0);
    }`;

  const LINES_OF_SIGHT = `#version 300 es
    precision highp float;
    precision highp sampler3D;
    precision highp usampler3D;
    uniform sampler3D image, field;
    uniform usampler3D label;
    uniform sampler2D colours;
    uniform mat3 turn;
    uniform vec3 size;
    uniform float radius, steps;
    uniform vec2 window;
    uniform int mode;
    in vec2 place;
    out vec4 colour;

    float inside(vec3 at) { return texture(field, at).r; }

    vec3 slope(vec3 at, vec3 voxel) {
      return vec3(
        inside(at - vec3(voxel.x, 0, 0)) - inside(at + vec3(voxel.x, 0, 0)),
        inside(at - vec3(0, voxel.y, 0)) - inside(at + vec3(0, voxel.y, 0)),
        inside(at - vec3(0, 0, voxel.z)) - inside(at + vec3(0, 0, voxel.z)));
    }

    void main() {
      vec3 eye = turn * vec3(place * radius, 2.0 * radius);
      vec3 sight = -turn[2];
      vec3 low = (-size - eye) / sight, high = (size - eye) / sight;
      vec3 nearest = min(low, high), farthest = max(low, high);
      float from = max(max(nearest.x, nearest.y), nearest.z), to = min(min(farthest.x, farthest.y), farthest.z);
      colour = vec4(0, 0, 0, 1);
      if (from >= to) return;
      float length = 2.0 * radius / steps, bright = 0.0, before = 0.0;
      vec3 surface = vec3(0);
      bool hit = false;
      for (float along = from; along < to; along += length) {
        vec3 at = 0.5 + 0.5 * (eye + along * sight) / size;
        if (mode != 1) bright = max(bright, texture(image, at).r);
        if (mode == 2 || hit) continue;
        float now = inside(at);
        if (now > 0.5) {
          hit = true;
          at = 0.5 + 0.5 * (eye + (along - length * clamp((now - 0.5) / max(now - before, 1e-3), 0.0, 1.0)) * sight) / size;
          vec3 voxel = 1.0 / vec3(textureSize(label, 0));
          vec3 normal = normalize(slope(at, voxel) / (size * voxel) + 1e-6);
          uint held = 0u;
          for (float depth = 0.0; depth < 4.0 && held == 0u; depth += 0.5) held = texture(label, at - depth * voxel * normal).r;
          float light = 0.3 + 0.7 * max(dot(normal, turn[2]), 0.0);
          surface = texelFetch(colours, ivec2(int(held), 0), 0).rgb * light;
          if (mode == 1) break;
        }
        before = now;
      }
      float grey = clamp((bright - window.x) / window.y, 0.0, 1.0);
      vec3 behind = vec3(mode == 1 ? 0.0 : mode == 2 ? grey : 0.6 * grey);
      colour = vec4(hit ? surface : behind, 1);
    }`;

  /** @param {HTMLCanvasElement} canvas @returns {Machine|undefined} nothing where the browser cannot */
  function start(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (!gl) return undefined;
    return { canvas, gl, program: undefined, textures: [], coarse: 0, warm: false };
  }

  /** @param {Machine} made @returns {boolean} whether it can draw */
  function build(made) {
    const { gl } = made;
    const program = gl.createProgram();
    for (const [kind, text] of /** @type {Array<[number, string]>} */ ([[gl.VERTEX_SHADER, CORNERS], [gl.FRAGMENT_SHADER, LINES_OF_SIGHT]])) {
      const shader = gl.createShader(kind);
      if (!shader) return false;
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return false;
    gl.useProgram(program);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    ["image", "field", "label", "colours"].forEach((name, unit) => gl.uniform1i(gl.getUniformLocation(program, name), unit));
    made.program = program;
    return true;
  }

  /** A texture in place of the one that was there. @param {Machine} made @param {number} unit @param {number} kind */
  function texture({ gl, textures }, unit, kind) {
    gl.deleteTexture(textures[unit] ?? null);
    textures[unit] = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(kind, textures[unit]);
  }

  /**
   * @param {Machine} made
   * @param {number} unit
   * @param {readonly number[]} shape planes, rows, columns
   * @param {Uint8Array<ArrayBuffer>} voxels
   * @param {boolean} whole whether values are whole numbers, between which nothing lies
   */
  function volumeTexture(made, unit, shape, voxels, whole) {
    const { gl } = made;
    texture(made, unit, gl.TEXTURE_3D);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(gl.TEXTURE_3D, side, gl.CLAMP_TO_EDGE);
    for (const way of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_3D, way, whole ? gl.NEAREST : gl.LINEAR);
    gl.texImage3D(gl.TEXTURE_3D, 0, whole ? gl.R8UI : gl.R8, shape[2], shape[1], shape[0], 0, whole ? gl.RED_INTEGER : gl.RED, gl.UNSIGNED_BYTE, voxels);
  }

  /** @param {Machine} made @param {readonly ClassFacts[]} classes */
  function colourTexture(made, classes) {
    const { gl } = made;
    const table = new Uint8Array(256 * 4).fill(255);
    classes.slice(0, 255).forEach((one, position) => {
      const value = parseInt(one.colour.slice(1), 16);
      table.set([value >> 16, (value >> 8) & 255, value & 255, 255], 4 * (position + 1));
    });
    texture(made, 3, gl.TEXTURE_2D);
    for (const way of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, way, gl.NEAREST);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, table);
  }

  return { start, build, volumeTexture, colourTexture };
})();
