// @ts-check
"use strict";

/**
 * The rater's decisions: saved in the browser while typing, exported and imported as JSON or CSV, with undo.
 *
 * @typedef {"keep"|"exclude"|"fix"|"unsure"} Verdict
 * @typedef {{verdict: Verdict|"", note: string}} Decision
 * @typedef {{kind: "verdict"|"note"|"import", before: Array<[string, Decision|undefined]>}} Step what it takes to undo
 */

const auvsegReview = (() => {
  /** @type {Verdict[]} */
  const VERDICTS = ["keep", "exclude", "fix", "unsure"];
  const FORMAT = 1;
  /** @type {Map<string, Decision>} */
  let decisions = new Map();
  /** @type {Step[]} */
  let past = [];
  let rater = "";
  let goesOn = false;
  let run = "";
  let keeps = true;
  let done = 0;
  const MOST_STEPS = 1000;
  const LONGEST_NOTE = 2000;
  const LONGEST_NAME = 200;

  const key = () => `auvseg-review:${run}`;

  function save() {
    if (!keeps) return;
    try {
      localStorage.setItem(key(), JSON.stringify({ rater, goesOn, decisions: [...decisions] }));
    } catch {
      keeps = false;
    }
  }

  /** Take up what the browser holds; what is no review is left out. */
  function load() {
    let stored;
    try {
      stored = localStorage.getItem(key());
    } catch {
      keeps = false;
      return;
    }
    decisions = new Map();
    try {
      const content = JSON.parse(stored || "{}");
      rater = typeof content.rater === "string" ? content.rater.slice(0, LONGEST_NAME) : "";
      goesOn = content.goesOn === true;
      for (const [id, value] of content.decisions || []) {
        const one = decision(value);
        if (one) decisions.set(String(id), one);
      }
    } catch {
      decisions = new Map();
    }
    count();
  }

  function count() {
    done = 0;
    for (const one of decisions.values()) if (one.verdict) done += 1;
  }

  /** @param {unknown} value @returns {Decision|undefined} */
  function decision(value) {
    if (typeof value !== "object" || value === null) return undefined;
    const { verdict, note } = /** @type {{verdict?: unknown, note?: unknown}} */ (value);
    const known = VERDICTS.find((one) => one === verdict) || "";
    const words = typeof note === "string" ? note.slice(0, LONGEST_NOTE) : "";
    return known || words ? { verdict: known, note: words } : undefined;
  }

  /** @param {string} id @param {Decision|undefined} value */
  function put(id, value) {
    done += (value?.verdict ? 1 : 0) - (decisions.get(id)?.verdict ? 1 : 0);
    if (value) decisions.set(id, value);
    else decisions.delete(id);
  }

  /**
   * Remember how to take a step back. What is typed into one note is one step, not one a letter.
   * @param {Step} step
   */
  function remember(step) {
    const last = past[past.length - 1];
    if (step.kind === "note" && last?.kind === "note" && last.before[0][0] === step.before[0][0]) return;
    past.push(step);
    if (past.length > MOST_STEPS) past.shift();
  }

  /** @param {string} text @returns {{entries: Array<[string, unknown]>, from: string|undefined}} */
  function contentOf(text) {
    const words = text.replace(/^\ufeff/, "");
    if (words.trimStart().startsWith("{")) {
      const content = JSON.parse(words);
      if (content.auvseg_review !== FORMAT || !Array.isArray(content.verdicts)) {
        throw new Error("this is not an auvseg review, or one of another version");
      }
      return { entries: content.verdicts.map((/** @type {any} */ one) => [String(one?.case), one]), from: content.run };
    }
    const [head, ...rows] = csvRows(words);
    const at = ["case", "verdict", "note"].map((name) => (head || []).indexOf(name));
    if (at[0] < 0 || at[1] < 0) throw new Error("a CSV review needs the columns case, verdict and note");
    const value = (/** @type {string[]} */ row) => ({ verdict: row[at[1]], note: at[2] < 0 ? "" : unguarded(row[at[2]]) });
    return { entries: rows.map((row) => [unguarded(row[at[0]]), value(row)]), from: undefined };
  }

  return {
    VERDICTS,

    /**
     * Take up the review of this run where it was left.
     * @param {string} fingerprint
     */
    begin(fingerprint) {
      run = fingerprint;
      past = [];
      load();
      save(); // Where nothing can be written it is better to know at once.
      addEventListener("storage", (event) => {
        // The same report in another tab: both write the same place, so neither may go on with what it knew.
        if (event.key !== key()) return;
        past = [];
        load();
        auvseg.emit("decided", undefined);
      });
    },

    /** Whether the browser keeps what is decided. */
    get keeps() {
      return keeps;
    },

    get rater() {
      return rater;
    },

    set rater(name) {
      rater = name.slice(0, LONGEST_NAME);
      save();
    },

    /** Whether a verdict opens the next case. */
    get goesOn() {
      return goesOn;
    },

    set goesOn(wanted) {
      goesOn = wanted;
      save();
    },

    /** @param {string} id @returns {Decision} */
    of(id) {
      return decisions.get(id) || { verdict: "", note: "" };
    },

    /** How many cases have a verdict. */
    get done() {
      return done;
    },

    get canUndo() {
      return past.length > 0;
    },

    /**
     * @param {string} id
     * @param {Partial<Decision>} change
     */
    decide(id, change) {
      const before = decisions.get(id);
      const after = decision({ ...(before || { verdict: "", note: "" }), ...change });
      if (JSON.stringify(before) === JSON.stringify(after)) return;
      remember({ kind: "verdict" in change ? "verdict" : "note", before: [[id, before]] });
      put(id, after);
      save();
      auvseg.emit("decided", id);
    },

    /** Take the last step back; returns the case that it was about, if it was one. */
    undo() {
      const step = past.pop();
      if (!step) return undefined;
      for (const [id, before] of step.before) put(id, before);
      save();
      const id = step.before.length === 1 ? step.before[0][0] : undefined;
      auvseg.emit("decided", id);
      return id;
    },

    toJson() {
      const verdicts = [...decisions].map(([id, one]) => ({ case: id, verdict: one.verdict, note: one.note }));
      verdicts.sort((a, b) => (a.case < b.case ? -1 : 1));
      return `${JSON.stringify({ auvseg_review: FORMAT, run, rater, verdicts }, null, 1)}\n`;
    },

    toCsv() {
      const rows = [...decisions].sort((a, b) => (a[0] < b[0] ? -1 : 1));
      const lines = rows.map(([id, one]) => [id, one.verdict, one.note, rater].map(csvCell).join(","));
      return ["case,verdict,note,rater", ...lines, ""].join("\n");
    },

    /**
     * Take over a review that was exported; what is decided here already gives way, in one step that can be undone.
     * Cases that are not in this report are counted, not taken.
     * @param {string} text
     * @param {(id: string) => boolean} isHere
     * @returns {{taken: number, replaced: number, unknown: number, other: boolean}} `other`: it was made on another run
     */
    take(text, isHere) {
      const { entries, from } = contentOf(text);
      /** @type {Map<string, Decision|undefined>} */
      const before = new Map();
      const found = { taken: 0, replaced: 0, unknown: 0, other: from !== undefined && from !== run };
      for (const [id, value] of entries) {
        const one = decision(value);
        if (!isHere(id)) found.unknown += 1;
        else if (one) {
          const old = decisions.get(id);
          if (!before.has(id)) before.set(id, old);
          found.taken += 1;
          if (old?.verdict && old.verdict !== one.verdict) found.replaced += 1;
          put(id, one);
        }
      }
      if (before.size) past.push({ kind: "import", before: [...before] });
      save();
      auvseg.emit("decided", undefined);
      return found;
    },
  };
})();
