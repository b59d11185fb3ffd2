// @ts-check
"use strict";

/**
 * Puts the parts together: the first page, the way to a case and back, the review's files.
 */

(() => {
  const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const element = auvseg.element;
  const FIRST_PLOTS = 6;

  auvseg.begin(JSON.parse(byId("data").textContent || ""));
  const { data } = auvseg;
  const inline = document.getElementById("inline-thumbs");
  if (inline) JSON.parse(inline.textContent || "[]").forEach((/** @type {string[]} */ one, /** @type {number} */ number) => auvseg.thumbs(number, one));

  function provenance() {
    const list = byId("provenance");
    for (const [name, value] of data.provenance) list.append(element("dt", {}, name), element("dd", {}, value));
    const failed = new Set(data.rows.case.filter((_, row) => data.rows.status[row] === 2)).size;
    const shown = data.cases.id.length;
    const words = [`${shown}${shown < data.total ? ` of ${data.total}` : ""} cases`, `${data.classes.length} structures`];
    if (failed) words.push(`${failed} without a score`);
    byId("counts").textContent = words.join(", ");
  }

  function problems() {
    const { rows, more } = data.problems;
    const body = byId("problem-rows");
    for (const one of rows) {
      const known = auvseg.indexOf(one.case) !== undefined;
      const name = known ? element("a", { href: `#case=${encodeURIComponent(one.case)}` }, one.case) : one.case;
      body.append(element("tr", {}, element("td", {}, name), element("td", {}, one.severity), element("td", {}, one.what), element("td", {}, one.advice)));
    }
    byId("problem-count").textContent = rows.length ? `${rows.length + more}` : "none known";
    if (more) byId("problem-more").textContent = `and ${more} more, in scores.csv and auvseg check`;
    if (!rows.length) byId("problem-table").hidden = true;
  }

  function distributions() {
    const home = byId("distributions");
    const pick = byId("plot-choice");
    const drawn = new Map();
    data.measures.forEach((one, number) => {
      const box = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox" }));
      box.checked = number < FIRST_PLOTS;
      const toggle = () => {
        if (box.checked && !drawn.has(one.name)) {
          const plot = element("div", { class: "plot" });
          home.append(plot);
          drawn.set(one.name, plot);
          auvsegPlots.distribution(plot, one);
        } else if (drawn.has(one.name)) drawn.get(one.name).hidden = !box.checked;
      };
      box.addEventListener("change", toggle);
      pick.append(element("label", { title: one.summary }, box, ` ${one.name}`));
      toggle();
    });
  }

  function scatter() {
    const across = /** @type {HTMLSelectElement} */ (byId("across"));
    const up = /** @type {HTMLSelectElement} */ (byId("up"));
    for (const one of data.measures) {
      across.append(element("option", {}, one.name));
      up.append(element("option", {}, one.name));
    }
    const has = (/** @type {string} */ name) => data.measures.some((one) => one.name === name);
    // Size is what most measures follow by themselves: it is in sight from the beginning.
    if (has("volume_ml")) across.value = "volume_ml";
    up.value = has(data.by) ? data.by : data.measures[0]?.name ?? "";
    const draw = () => auvsegPlots.against(byId("scatter"), across.value, up.value);
    across.addEventListener("change", draw);
    up.addEventListener("change", draw);
    if (data.measures.length) draw();
  }

  function cutting() {
    const slider = /** @type {HTMLInputElement} */ (byId("keep"));
    const apply = auvsegPlots.cut(byId("cut"), (share) => {
      slider.value = String(Math.round(share * 1000) / 1000);
      update();
    });
    const update = () => {
      const share = Number(slider.value);
      const { threshold, removed } = apply(share);
      const gone = new Set(removed);
      const body = byId("cut-rows");
      body.replaceChildren();
      data.classes.forEach((one, position) => {
        const holding = data.rows.case.filter((index, row) => data.rows.cls[row] === position && data.rows.status[row] === 0 && data.cases.subset[index] === "training");
        if (!holding.length) return;
        const lost = holding.filter((index) => gone.has(index)).length;
        body.append(element("tr", {}, element("td", {}, one.name), element("td", {}, String(holding.length)), element("td", {}, String(lost)), element("td", {}, `${((100 * lost) / holding.length).toFixed(1)} %`)));
      });
      byId("cut-words").textContent = `keep ${(100 * share).toFixed(1)} %: ${removed.length} training cases go (${data.by} beyond ${auvseg.number(Math.abs(threshold))})`;
      byId("cut-command").textContent = `auvseg filter RUN --by ${data.by === "AUV" ? "auv" : data.by} --keep ${share}`;
    };
    slider.addEventListener("input", update);
    update();
  }

  function gallery() {
    const home = byId("gallery");
    if (!data.hasThumbs) {
      byId("gallery-section").hidden = true;
      return;
    }
    // Only pictures that come into sight are loaded, a hundred a file.
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        const link = /** @type {HTMLElement} */ (entry.target);
        auvseg.thumb(Number(link.dataset.index)).then((picture) => {
          if (picture) link.prepend(element("img", { src: picture, alt: "" }));
        });
      }
    }, { rootMargin: "400px" });
    const STEP = 300;
    let shown = 0;
    const more = byId("gallery-more");
    const add = () => {
      for (const id of data.cases.id.slice(shown, shown + STEP)) {
        const index = /** @type {number} */ (auvseg.indexOf(id));
        const link = element("a", { href: `#case=${encodeURIComponent(id)}`, class: "thumb", "data-index": String(index), title: data.cases.why[index] }, element("span", {}, id));
        link.addEventListener("mouseenter", () => auvseg.emit("highlight", index));
        link.addEventListener("focus", () => auvseg.emit("highlight", index));
        home.append(link);
        seen.observe(link);
      }
      shown += STEP;
      more.hidden = shown >= data.cases.id.length;
    };
    more.addEventListener("click", add);
    add();
  }

  /** @param {string} name @param {string} content @param {string} type */
  function save(name, content, type) {
    const link = /** @type {HTMLAnchorElement} */ (element("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name }));
    document.body.append(link);
    link.click();
    link.remove();
  }

  function reviewing() {
    auvsegReview.begin(data.fingerprint);
    const rater = /** @type {HTMLInputElement} */ (byId("rater"));
    rater.value = auvsegReview.rater;
    rater.addEventListener("input", () => (auvsegReview.rater = rater.value));
    const update = () => {
      const { done } = auvsegReview;
      const total = data.cases.id.length;
      byId("progress-words").textContent = `${done} of ${total} cases have a verdict`;
      const bar = /** @type {HTMLProgressElement} */ (byId("progress"));
      bar.max = total;
      bar.value = done;
      byId("not-kept").hidden = auvsegReview.keeps;
    };
    auvseg.on("decided", update);
    update();
    byId("export-json").addEventListener("click", () => save("auvseg-review.json", auvsegReview.toJson(), "application/json"));
    byId("export-csv").addEventListener("click", () => save("auvseg-review.csv", auvsegReview.toCsv(), "text/csv"));
    const file = /** @type {HTMLInputElement} */ (byId("import"));
    file.addEventListener("change", async () => {
      const chosen = file.files?.[0];
      if (!chosen) return;
      try {
        const { taken, unknown } = auvsegReview.take(await chosen.text(), (id) => auvseg.indexOf(id) !== undefined);
        byId("import-words").textContent = `${taken} decisions taken over${unknown ? `, ${unknown} of cases that are not here` : ""}`;
      } catch (problem) {
        byId("import-words").textContent = `not taken: ${/** @type {Error} */ (problem).message}`;
      }
      file.value = "";
      update();
    });
    byId("review-next").addEventListener("click", () => {
      const index = data.cases.id.findIndex((id) => !auvsegReview.of(id).verdict);
      if (index >= 0) auvseg.emit("open", index);
    });
  }

  function tables() {
    const search = /** @type {HTMLInputElement} */ (byId("search"));
    const only = /** @type {HTMLSelectElement} */ (byId("only"));
    search.addEventListener("input", () => auvsegTable.search(search.value));
    only.addEventListener("change", () => auvsegTable.only(only.value));
    auvseg.on("filtered", (count) => (byId("found").textContent = `${count} of ${data.rows.case.length} structures`));
    const pick = byId("column-choice");
    data.measures.forEach((one, number) => {
      const box = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox" }));
      box.checked = number < auvsegTable.SHOWN;
      box.addEventListener("change", () => auvsegTable.show(number, box.checked));
      pick.append(element("label", { title: one.summary }, box, ` ${one.name}`));
    });
    if (data.measuresLeftOut) byId("left-out").textContent = `${data.measuresLeftOut} more measures are in scores.csv.`;
    return auvsegTable.begin(byId("table"));
  }

  /** Show what the address says: a case, or the first page. */
  function route() {
    const wanted = /^#case=(.*)$/.exec(location.hash);
    let index;
    try {
      index = wanted ? auvseg.indexOf(decodeURIComponent(wanted[1])) : undefined;
    } catch {
      index = undefined;
    }
    byId("cohort").hidden = index !== undefined;
    byId("case").hidden = index === undefined;
    if (index === undefined) auvsegCase.hide();
    else auvsegCase.show(byId("case"), index);
  }

  auvseg.on("open", (index) => {
    const id = data.cases.id[index];
    if (id !== undefined) location.hash = `case=${encodeURIComponent(id)}`;
  });
  window.addEventListener("hashchange", route);

  reviewing();
  provenance();
  problems();
  auvsegPlots.begin();
  auvsegCase.begin();
  const built = tables();
  cutting();
  distributions();
  scatter();
  gallery();
  route();
  built.then(() => (document.documentElement.dataset.ready = "yes"));
})();
