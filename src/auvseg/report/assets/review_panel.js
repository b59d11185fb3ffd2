// @ts-check
"use strict";

/**
 * The panel "Your review": the rater's name, progress, export and import, and which case comes next.
 */

const auvsegReviewPanel = (() => {
  const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

  /** @param {string} ending @param {string} content @param {string} type */
  function save(ending, content, type) {
    const rater = auvsegReview.rater.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60);
    const url = URL.createObjectURL(new Blob([content], { type }));
    const link = auvseg.element("a", { href: url, download: `auvseg-review${rater ? `-${rater}` : ""}.${ending}` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // some browsers read it after the click
  }

  /** @param {ReturnType<typeof auvsegReview.take>} found */
  function takenInWords(found) {
    const words = [`${found.taken} decisions imported`];
    if (found.replaced) words.push(`${found.replaced} of them replaced another verdict (undo with z in a case)`);
    if (found.unknown) words.push(`${found.unknown} left out: their cases are not in this report`);
    if (found.other) words.push("the file belongs to another run");
    return words.join("; ");
  }

  async function take() {
    const file = /** @type {HTMLInputElement} */ (byId("import"));
    const chosen = file.files?.[0];
    if (!chosen) return;
    try {
      byId("import-words").textContent = takenInWords(auvsegReview.take(await chosen.text(), (id) => auvseg.indexOf(id) !== undefined));
    } catch (problem) {
      const words = problem instanceof SyntaxError ? "this file is damaged" : /** @type {Error} */ (problem).message;
      byId("import-words").textContent = `nothing imported: ${words}`;
    }
    file.value = "";
  }

  function update() {
    const { done } = auvsegReview;
    const total = auvseg.data.cases.id.length;
    byId("progress-words").textContent = `${done} of ${total} reviewed`;
    const bar = /** @type {HTMLProgressElement} */ (byId("progress"));
    [bar.max, bar.value] = [Math.max(total, 1), done];
    /** @type {HTMLButtonElement} */ (byId("review-next")).disabled = done >= total;
    byId("not-kept").hidden = auvsegReview.keeps;
  }

  /** Open the next case without a verdict: the first after the one that is shown, else the first of all. */
  function next() {
    const { id } = auvseg.data.cases;
    const open = (/** @type {number} */ index) => !auvsegReview.of(id[index]).verdict;
    const from = (auvsegCase.shown ?? -1) + 1;
    for (let step = 0; step < id.length; step += 1) {
      const index = (from + step) % id.length;
      if (open(index)) return auvseg.emit("open", index);
    }
  }

  return {
    begin() {
      auvsegReview.begin(auvseg.data.fingerprint);
      const rater = /** @type {HTMLInputElement} */ (byId("rater"));
      rater.value = auvsegReview.rater;
      rater.addEventListener("input", () => (auvsegReview.rater = rater.value));
      auvseg.on("decided", update);
      update();
      byId("export-json").addEventListener("click", () => save("json", auvsegReview.toJson(), "application/json"));
      byId("export-csv").addEventListener("click", () => save("csv", auvsegReview.toCsv(), "text/csv"));
      byId("import").addEventListener("change", take);
      byId("review-next").addEventListener("click", next);
    },
    next,
  };
})();
