// @ts-check
"use strict";

/**
 * What the reader decided, kept in the browser as it is typed; out and in as JSON or CSV; every step can be undone.
 *
 * @typedef {"keep"|"exclude"|"fix"|"unsure"} Verdict
 * @typedef {{verdict: Verdict|"", note: string}} Decision
 */

const auvsegReview = (() => {
  /** @type {Verdict[]} */
  const VERDICTS = ["keep", "exclude", "fix", "unsure"];
  const FORMAT = 1;
  /** @type {Map<string, Decision>} */
  let decisions = new Map();
  /** @type {Array<[string, Decision|undefined]>} */
  let past = [];
  let rater = "";
  let key = "";
  let keeps = true;
  const MOST_STEPS = 1000;
  const LONGEST_NOTE = 2000;

  function save() {
    if (!keeps) return;
    try {
      localStorage.setItem(key, JSON.stringify({ rater, decisions: [...decisions] }));
    } catch {
      keeps = false;
    }
  }

  /** @param {unknown} value @returns {Decision|undefined} */
  function decision(value) {
    if (typeof value !== "object" || value === null) return undefined;
    const { verdict, note } = /** @type {{verdict?: unknown, note?: unknown}} */ (value);
    const known = VERDICTS.find((one) => one === verdict) || "";
    const words = typeof note === "string" ? note.slice(0, LONGEST_NOTE) : "";
    return known || words ? { verdict: known, note: words } : undefined;
  }

  /** @param {string} text */
  function cell(text) {
    // A spreadsheet would compute what begins like this.
    const safe = /^'*[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  /** @param {string} text @returns {string[][]} */
  function rowsOf(text) {
    /** @type {string[][]} */
    const rows = [[]];
    let value = "";
    let quoted = false;
    for (let at = 0; at < text.length; at += 1) {
      const character = text[at];
      if (quoted) {
        if (character === '"' && text[at + 1] === '"') {
          value += '"';
          at += 1;
        } else if (character === '"') quoted = false;
        else value += character;
      } else if (character === '"') quoted = true;
      else if (character === ",") {
        rows[rows.length - 1].push(value);
        value = "";
      } else if (character === "\n") {
        rows[rows.length - 1].push(value.replace(/\r$/, ""));
        rows.push([]);
        value = "";
      } else value += character;
    }
    rows[rows.length - 1].push(value);
    return rows.filter((row) => row.length > 1 || row[0] !== "");
  }

  /** @param {string} text @returns {Array<[string, unknown]>} */
  function entriesOf(text) {
    if (text.trimStart().startsWith("{")) {
      const content = JSON.parse(text);
      if (content.auvseg_review !== FORMAT || !Array.isArray(content.verdicts)) {
        throw new Error("this is no review of auvseg, or one of another version");
      }
      return content.verdicts.map((/** @type {any} */ one) => [String(one.case), one]);
    }
    const [head, ...rows] = rowsOf(text.replace(/^\ufeff/, ""));
    const at = ["case", "verdict", "note"].map((name) => (head || []).indexOf(name));
    if (at[0] < 0 || at[1] < 0) throw new Error("a review in CSV has the columns case, verdict and note");
    const plain = (/** @type {string|undefined} */ one) => (one || "").replace(/^'(?='*[=+\-@\t\r\n＝＋－＠])/, "");
    return rows.map((row) => [plain(row[at[0]]), { verdict: row[at[1]], note: at[2] < 0 ? "" : plain(row[at[2]]) }]);
  }

  return {
    VERDICTS,

    /**
     * Take up the review of this run where it was left.
     * @param {string} fingerprint
     */
    begin(fingerprint) {
      key = `auvseg-review:${fingerprint}`;
      decisions = new Map();
      past = [];
      try {
        const stored = JSON.parse(localStorage.getItem(key) || "{}");
        rater = typeof stored.rater === "string" ? stored.rater : "";
        for (const [id, value] of stored.decisions || []) {
          const one = decision(value);
          if (one) decisions.set(String(id), one);
        }
      } catch {
        keeps = false;
      }
    },

    /** Whether the browser keeps what is decided. */
    get keeps() {
      return keeps;
    },

    get rater() {
      return rater;
    },

    set rater(name) {
      rater = name.slice(0, 200);
      save();
    },

    /** @param {string} id @returns {Decision} */
    of(id) {
      return decisions.get(id) || { verdict: "", note: "" };
    },

    /** How many cases have a verdict. */
    get done() {
      return [...decisions.values()].filter((one) => one.verdict).length;
    },

    /**
     * @param {string} id
     * @param {Partial<Decision>} change
     */
    decide(id, change) {
      const before = decisions.get(id);
      const after = decision({ ...(before || { verdict: "", note: "" }), ...change });
      if (JSON.stringify(before) === JSON.stringify(after)) return;
      past.push([id, before]);
      if (past.length > MOST_STEPS) past.shift();
      if (after) decisions.set(id, after);
      else decisions.delete(id);
      save();
      auvseg.emit("decided", id);
    },

    /** Take the last step back; returns the case that it was about. */
    undo() {
      const step = past.pop();
      if (!step) return undefined;
      const [id, before] = step;
      if (before) decisions.set(id, before);
      else decisions.delete(id);
      save();
      auvseg.emit("decided", id);
      return id;
    },

    toJson() {
      const verdicts = [...decisions].map(([id, one]) => ({ case: id, verdict: one.verdict, note: one.note }));
      verdicts.sort((a, b) => (a.case < b.case ? -1 : 1));
      return `${JSON.stringify({ auvseg_review: FORMAT, run: key.replace("auvseg-review:", ""), rater, verdicts }, null, 1)}\n`;
    },

    toCsv() {
      const rows = [...decisions].sort((a, b) => (a[0] < b[0] ? -1 : 1));
      const lines = rows.map(([id, one]) => [id, one.verdict, one.note, rater].map(cell).join(","));
      return ["case,verdict,note,rater", ...lines, ""].join("\n");
    },

    /**
     * Take over a review that was exported; what is decided here already gives way. Cases that are not in this report
     * are counted, not taken.
     * @param {string} text
     * @param {(id: string) => boolean} isHere
     * @returns {{taken: number, unknown: number}}
     */
    take(text, isHere) {
      let taken = 0;
      let unknown = 0;
      for (const [id, value] of entriesOf(text)) {
        const one = decision(value);
        if (!isHere(id)) unknown += 1;
        else if (one) {
          this.decide(id, one);
          taken += 1;
        }
      }
      return { taken, unknown };
    },
  };
})();
