// @ts-check
"use strict";

/**
 * Shared state of the page: data, case files loaded on demand, and event listeners.
 *
 * @typedef {{name: string, group: string, suspicious: "low"|"high"|"both", summary: string}} Measure
 * @typedef {{id: number, name: string, colour: string}} ClassFacts
 * @typedef {{case: string, severity: string, what: string, advice: string}} Problem
 * @typedef {{low: Array<number|null>, middle: Array<number|null>, high: Array<number|null>}} Band
 * @typedef {object} Cohort
 * @property {string} by
 * @property {string} noOrder why the cases cannot be ranked; empty where they are
 * @property {number} fewest so many cases make a cohort
 * @property {ClassFacts[]} classes
 * @property {Measure[]} measures
 * @property {number} measuresLeftOut
 * @property {{id: string[], subset: string[], suspicion: Array<number|null>, why: string[]}} cases
 * @property {{case: number[], cls: number[], status: number[], values: Object<string, Array<number|null>>}} rows
 * @property {Object<string, string[]>} own
 * @property {string[]} files
 * @property {boolean} hasThumbs
 * @property {number} thumbsAFile
 * @property {Object<string, Band>} bands
 * @property {{rows: Problem[], more: number}} problems
 * @property {string} modality
 * @property {Array<[string, string]>} provenance
 * @property {number} total
 * @property {string} fingerprint
 * @typedef {Object<string, Array<number|null>>} Strips
 * @typedef {object} ImagePayload
 * @property {[number, number, number]} shape
 * @property {[number, number, number]} spacing
 * @property {[number, number, number]} first
 * @property {[number, number, number]} step
 * @property {number} slope
 * @property {number} offset
 * @property {[number, number]} range
 * @property {string} voxels
 * @property {string|null} label
 * @property {Object<string, string>} masks
 * @typedef {object} CasePayload
 * @property {string} id
 * @property {Object<string, string>} why
 * @property {Object<string, string[]>} similar
 * @property {Object<string, Strips>} planes
 * @property {Object<string, Array<number|null>>} spectrum
 * @property {ImagePayload} [image]
 */

const auvseg = (() => {
  /** @type {Cohort} */
  let data;
  /** @type {Map<string, CasePayload>} */
  const known = new Map();
  /** @type {Map<string, {resolve: (payload: CasePayload) => void}>} */
  const awaited = new Map();
  /** @type {Map<number, string[]>} */
  const chunks = new Map();
  /** @type {Map<number, Array<() => void>>} */
  const awaitedChunks = new Map();
  /** @type {Object<string, Array<(value: any) => void>>} */
  const listeners = {};
  /** @type {Map<string, number>} */
  const indexById = new Map();
  const KEPT = 12;

  /** @param {string} path */
  function loadScript(path) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = path;
      script.onload = () => {
        script.remove();
        resolve(undefined);
      };
      script.onerror = () => reject(new Error(`${path} is missing next to this page; copy the whole folder`));
      document.head.append(script);
    });
  }

  return {
    /** @returns {Cohort} */
    get data() {
      return data;
    },

    /** @param {Cohort} content */
    begin(content) {
      data = content;
      data.cases.id.forEach((id, index) => indexById.set(id, index));
    },

    /** @param {string} id */
    indexOf(id) {
      return indexById.get(id);
    },

    /**
     * Where a case's page is, within this page.
     * @param {number} index
     */
    address(index) {
      try {
        return `#case=${encodeURIComponent(data.cases.id[index])}`;
      } catch {
        return `#number=${index}`; // half a surrogate pair has no address
      }
    },

    /**
     * The case that an address names; undefined for the first page.
     * @param {string} hash
     * @returns {number|undefined}
     */
    indexAt(hash) {
      const [, kind, value] = /^#(case|number)=(.*)$/.exec(hash) || [];
      try {
        if (kind === "case") return indexById.get(decodeURIComponent(value));
      } catch {
        return undefined;
      }
      return kind === "number" && data.files[Number(value)] !== undefined ? Number(value) : undefined;
    },

    /**
     * Called by a case's own file.
     * @param {string} file
     * @param {CasePayload} payload
     */
    receive(file, payload) {
      known.set(file, payload);
      if (known.size > KEPT) known.delete(/** @type {string} */ (known.keys().next().value));
      awaited.get(file)?.resolve(payload);
      awaited.delete(file);
    },

    /**
     * Called by a file of thumbnails.
     * @param {number} number
     * @param {string[]} pictures
     */
    thumbs(number, pictures) {
      chunks.set(number, pictures);
      (awaitedChunks.get(number) || []).forEach((tell) => tell());
      awaitedChunks.delete(number);
    },

    /**
     * Everything of one case.
     * @param {number} index
     * @returns {Promise<CasePayload>}
     */
    async load(index) {
      const file = data.files[index];
      const there = known.get(file);
      if (there) return there;
      const inline = document.getElementById(`case-${file}`);
      if (inline) return JSON.parse(inline.textContent || "");
      return new Promise((resolve, reject) => {
        awaited.set(file, { resolve });
        loadScript(`cases/${file}.js`).catch(reject);
      });
    },

    /**
     * A case's thumbnail; empty where there is none.
     * @param {number} index
     * @returns {Promise<string>}
     */
    async thumb(index) {
      if (!data.hasThumbs) return "";
      const number = Math.floor(index / data.thumbsAFile);
      if (!chunks.has(number)) {
        await new Promise((resolve) => {
          const waiting = awaitedChunks.get(number);
          if (waiting) {
            waiting.push(() => resolve(undefined));
            return;
          }
          awaitedChunks.set(number, [() => resolve(undefined)]);
          loadScript(`thumbs/${number}.js`).catch(() => this.thumbs(number, []));
        });
      }
      return chunks.get(number)?.[index % data.thumbsAFile] || "";
    },

    /**
     * @param {string} event
     * @param {(value: any) => void} listener
     */
    on(event, listener) {
      (listeners[event] ||= []).push(listener);
    },

    /**
     * @param {string} event
     * @param {any} value
     */
    emit(event, value) {
      (listeners[event] || []).forEach((listener) => listener(value));
    },

    /**
     * Compressed bytes as they were.
     * @param {string} text
     */
    async inflate(text) {
      const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
      return new Uint8Array(await new Response(stream).arrayBuffer());
    },

    /**
     * An element with text or children; text is never read as markup.
     * @param {string} name
     * @param {Object<string, string>} [attributes]
     * @param {...(string|Node)} children
     * @returns {HTMLElement}
     */
    element(name, attributes = {}, ...children) {
      const made = document.createElement(name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.append(...children);
      return made;
    },
  };
})();
