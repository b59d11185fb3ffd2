// @ts-check
"use strict";

/**
 * Entry point: first page, navigation to cases and back, colour scheme.
 */

(() => {
  const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const element = auvseg.element;
  const FIRST_PLOTS = 6;
  const NAMED_REMOVED = 12;

  auvseg.begin(JSON.parse(byId("data").textContent || ""));
  const { data } = auvseg;
  const inline = document.getElementById("inline-thumbs");
  if (inline) JSON.parse(inline.textContent || "[]").forEach((/** @type {string[]} */ one, /** @type {number} */ number) => auvseg.thumbs(number, one));

  /** A link to a case. @param {number} index */
  const caseLink = (index) => element("a", { href: auvseg.address(index) }, element("bdi", {}, data.cases.id[index]));

  function provenance() {
    const list = byId("provenance");
    for (const [name, value] of data.provenance) list.append(element("dt", {}, name), element("dd", {}, value));
    const failed = new Set(data.rows.case.filter((_, row) => data.rows.status[row] === 2)).size;
    const shown = data.cases.id.length;
    const words = [`${shown}${shown < data.total ? ` of ${data.total}` : ""} ${shown === 1 ? "case" : "cases"}`, `${data.classes.length} ${data.classes.length === 1 ? "structure" : "structures"}`];
    if (!data.noOrder) words.push(`worst first by ${data.by}`);
    if (failed) words.push(`${failed} not scored`);
    byId("counts").textContent = words.join(" · ");
    byId("no-order").hidden = !data.noOrder;
    byId("no-order").textContent = data.noOrder;
    byId("h-gallery").textContent = data.noOrder ? "Cases" : "Cases, worst first";
  }

  function problems() {
    const { rows, more } = data.problems;
    const body = byId("problem-rows");
    for (const one of rows) {
      const index = auvseg.indexOf(one.case);
      const severity = element("span", { class: `severity ${one.severity}` }, one.severity);
      body.append(element("tr", {}, element("td", {}, index === undefined ? one.case : caseLink(index)), element("td", {}, severity), element("td", {}, one.what), element("td", {}, one.advice)));
    }
    byId("problem-count").textContent = rows.length ? `${rows.length + more}` : "none known";
    if (more) byId("problem-more").textContent = `and ${more} more, in scores.csv and auvseg check`;
    byId("problem-table").hidden = !rows.length;
  }

  /** @param {Measure} one */
  function distributionPanel(one) {
    const bad = { low: "low is suspicious", high: "high is suspicious", both: "far from the middle is suspicious" }[one.suspicious];
    const plot = element("div", { class: "plot" });
    return { panel: element("figure", { class: "panel" }, element("figcaption", { title: one.summary }, element("b", {}, one.name), element("span", {}, bad)), plot), plot };
  }

  /**
   * A plot a measure, made when it comes into sight.
   */
  function distributions() {
    const home = byId("distributions");
    const pick = byId("plot-choice");
    /** @type {Map<Element, Measure>} */
    const waiting = new Map();
    const seen = new IntersectionObserver((found) => {
      for (const { isIntersecting, target } of found) {
        const measure = waiting.get(target);
        if (!isIntersecting || !measure) continue;
        seen.unobserve(target);
        auvsegPlots.distribution(/** @type {HTMLElement} */ (target), measure);
      }
    }, { rootMargin: "200px" });
    data.measures.forEach((one, number) => {
      const box = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox", "data-measure": one.name }));
      const { panel, plot } = distributionPanel(one);
      box.checked = number < FIRST_PLOTS;
      panel.hidden = !box.checked;
      box.addEventListener("change", () => (panel.hidden = !box.checked));
      pick.append(element("label", { title: one.summary }, box, ` ${one.name}`));
      home.append(panel);
      waiting.set(plot, one);
      seen.observe(plot);
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
    // Most measures depend on size, so it is shown from the beginning.
    if (has("volume_ml")) across.value = "volume_ml";
    up.value = has(data.by) ? data.by : data.measures[0]?.name ?? "";
    const draw = () => auvsegPlots.against(byId("scatter"), across.value, up.value);
    across.addEventListener("change", draw);
    up.addEventListener("change", draw);
    if (data.measures.length) auvsegPlots.whenSeen(byId("scatter"), draw);
  }

  /** Cases that hold a class, by the class's position, where the filter may take them out. */
  function trainingByClass() {
    /** @type {number[][]} */
    const found = data.classes.map(() => []);
    data.rows.cls.forEach((position, row) => {
      const index = data.rows.case[row];
      if (position >= 0 && data.rows.status[row] === 0 && data.cases.subset[index] === "training") found[position].push(index);
    });
    return found;
  }

  function cutting() {
    byId("cut-section").hidden = Boolean(data.noOrder);
    if (data.noOrder) return;
    if (data.cases.id.length < data.total) {
      byId("cut-section").replaceChildren(element("h2", { id: "h-cut" }, "The filter's cut"), element("p", {}, `This page shows ${data.cases.id.length} of ${data.total} cases, and a filter compares all of them. What it would take out: `, element("code", {}, `auvseg filter RUN --by ${data.by} --keep 0.95 --dry-run`)));
      return;
    }
    const slider = /** @type {HTMLInputElement} */ (byId("keep"));
    const holding = trainingByClass();
    const training = data.cases.subset.filter((one, index) => one === "training" && data.cases.suspicion[index] !== null).length;
    const measure = data.measures.find((one) => one.name === data.by);
    const apply = auvsegFilterCut.begin(byId("cut"), (share) => {
      slider.value = String(share);
      update(share);
    });
    const update = (/** @type {number} */ share) => {
      const { threshold, removed } = apply(share);
      const gone = new Set(removed);
      const rows = data.classes.flatMap((one, position) => {
        const lost = holding[position].filter((index) => gone.has(index)).length;
        const percent = `${((100 * lost) / holding[position].length).toFixed(1)} %`;
        return holding[position].length ? [element("tr", {}, element("th", { scope: "row" }, element("bdi", {}, one.name)), element("td", {}, String(holding[position].length)), element("td", {}, String(lost)), element("td", {}, percent))] : [];
      });
      byId("cut-rows").replaceChildren(...rows);
      const low = measure?.suspicious === "low";
      const what = measure?.suspicious === "both" ? `the distance of ${data.by} from the median` : data.by;
      byId("keep-words").textContent = `${(100 * share).toFixed(1)} %`;
      byId("cut-words").textContent = Number.isNaN(threshold) ? "no training case has a score" : `${removed.length} of ${training} training cases would be removed: those with ${what} ${low ? "below" : "above"} ${numberInWords(low ? -threshold : threshold)}.`;
      const named = removed.slice(0, NAMED_REMOVED).flatMap((index, at) => [...(at ? [", "] : []), caseLink(index)]);
      byId("cut-cases").replaceChildren(...named, removed.length > NAMED_REMOVED ? ` and ${removed.length - NAMED_REMOVED} more` : "");
      byId("cut-command").textContent = `auvseg filter RUN --by ${data.by} --keep ${Math.round(share * 10000) / 10000}`;
    };
    slider.addEventListener("input", () => update(Number(slider.value)));
    update(Number(slider.value));
  }

  function tables() {
    const search = /** @type {HTMLInputElement} */ (byId("search"));
    const only = /** @type {HTMLSelectElement} */ (byId("only"));
    search.addEventListener("input", () => auvsegTable.search(search.value));
    only.addEventListener("change", () => auvsegTable.only(only.value));
    byId("clear").addEventListener("click", () => {
      search.value = only.value = "";
      auvsegTable.clear();
    });
    auvseg.on("filtered", ({ rows, cases, only: single }) => {
      byId("found").textContent = `${rows} structures of ${cases} cases`;
      if (single !== undefined) auvseg.emit("highlight", single);
    });
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

  let scrolled = 0;

  /** Show what the address says: a case, or the first page where it was left. */
  function route() {
    const index = auvseg.indexAt(location.hash);
    const onCohort = !byId("cohort").hidden;
    if (index !== undefined && onCohort) scrolled = window.scrollY;
    byId("cohort").hidden = index !== undefined;
    byId("case").hidden = index === undefined;
    document.title = `${index === undefined ? "" : `${data.cases.id[index]} – `}${byId("title").textContent}`;
    if (index !== undefined) auvsegCase.show(byId("case"), index);
    else if (!onCohort) {
      const [last] = [auvsegCase.shown];
      auvsegCase.hide();
      byId("case").replaceChildren();
      window.scrollTo(0, scrolled);
      /** @type {HTMLElement|null} */ (document.querySelector(`#gallery [data-index="${last}"]`))?.focus({ preventScroll: true });
    }
  }

  /** Charts are painted in the colours of the moment: again when those change, and on white paper. */
  function colours() {
    const paper = (/** @type {boolean} */ on) => {
      document.documentElement.toggleAttribute("data-paper", on);
      auvseg.emit("colours", undefined);
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => auvseg.emit("colours", undefined));
    addEventListener("beforeprint", () => paper(true));
    addEventListener("afterprint", () => paper(false));
  }

  auvseg.on("open", (index) => {
    if (data.files[index] !== undefined) location.hash = auvseg.address(index);
  });
  auvseg.on("highlight", (index) => {
    byId("marked").textContent = index === undefined ? "" : `marked: ${data.cases.id[index]}`;
  });
  window.addEventListener("hashchange", route);

  auvsegReviewPanel.begin();
  provenance();
  problems();
  auvsegPlots.begin();
  auvsegCase.begin();
  auvsegShortcuts.begin([
    ...auvsegCase.shortcuts,
    { keys: ["r"], words: "next case without a verdict", where: "everywhere", does: auvsegReviewPanel.next },
    { keys: ["/"], words: "search in the table of all cases", where: "everywhere", does: () => {
      location.hash = "";
      setTimeout(() => byId("search").focus());
    } },
  ], () => auvsegCase.shown !== undefined);
  auvsegGallery.begin(byId("gallery-section"));
  const built = tables();
  cutting();
  distributions();
  scatter();
  colours();
  route();
  built.then(() => (document.documentElement.dataset.ready = "yes"));
})();
