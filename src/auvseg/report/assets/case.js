// @ts-check
"use strict";

/**
 * The page of one case: why it stands out, its images, where its numbers come from, and the verdict.
 */

const auvsegCase = (() => {
  /** @type {number|undefined} */
  let shown;
  /** @type {Viewer|undefined} */
  let viewer;
  /** @type {Array<(plane: number) => void>} */
  let followers = [];
  /** @type {any[]} */
  let charts = [];
  const STRIPS = /** @type {const} */ ([
    ["scale", "S: what each slice contributes", false],
    ["agreement", "agreement of the model's mask with the label", true],
    ["confidence", "confidence of the model", true],
    ["predicted_iou", "the model's own estimate", true],
  ]);

  const element = auvseg.element;

  /**
   * A bar a slice; the suspicious ones are dark. A click goes to the slice.
   * @param {string} title
   * @param {Array<number|null>} index
   * @param {Array<number|null>} values
   * @param {boolean} lowIsBad
   */
  function strip(title, index, values, lowIsBad) {
    const known = /** @type {number[]} */ (values.filter((one) => one !== null));
    const top = lowIsBad ? 1 : Math.max(...known, 1e-12);
    const bars = element("div", { class: "bars" });
    const line = element("div", { class: "strip" }, element("span", { class: "name" }, title), bars);
    const worst = known.length && lowIsBad ? Math.min(...known) : NaN;
    values.forEach((value, at) => {
      const plane = Number(index[at]);
      const bar = element("button", { type: "button", class: "bar", title: `slice ${plane}: ${auvseg.number(value)}`, "aria-label": `go to slice ${plane}, ${auvseg.number(value)}` });
      const fill = element("span", { class: value === worst ? "worst" : "" });
      fill.style.height = `${Math.round((Math.min(Math.max(value ?? 0, 0), top) / top) * 100)}%`;
      bar.append(fill);
      bar.addEventListener("click", () => viewer?.goToPlane(plane));
      bars.append(bar);
      followers.push((shownPlane) => bar.classList.toggle("here", shownPlane === plane));
    });
    return line;
  }

  /** @param {CasePayload} payload */
  function structures(payload) {
    const { data } = auvseg;
    const home = element("div", { class: "structures" });
    data.classes.forEach((one) => {
      const id = String(one.id);
      const why = payload.why[id];
      const planes = payload.planes[id];
      const spectrum = payload.spectrum[id];
      const similar = payload.similar[id] || [];
      if (!why && !planes && !spectrum) return;
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = one.colour;
      const box = element("section", { class: "structure" }, element("h3", {}, swatch, one.name));
      if (why) box.append(element("p", { class: "why" }, why));
      if (planes) {
        for (const [name, title, lowIsBad] of STRIPS) {
          if (planes[name]) box.append(strip(title, planes.index, planes[name], lowIsBad));
        }
      }
      if (spectrum?.length) {
        const chart = element("div", { class: "spectrum" });
        box.append(chart);
        requestAnimationFrame(() => {
          if (chart.isConnected) charts.push(auvsegPlots.spectrum(chart, spectrum, data.bands[id], one.colour));
        });
      }
      if (similar.length) box.append(neighbours(similar));
      home.append(box);
    });
    return home;
  }

  /** @param {string[]} similar */
  function neighbours(similar) {
    const list = element("ul", { class: "similar" });
    for (const id of similar) {
      const index = auvseg.indexOf(id);
      const link = index === undefined ? element("span", {}, id) : element("a", { href: `#case=${encodeURIComponent(id)}` }, id);
      const item = element("li", {}, link);
      if (index !== undefined) {
        auvseg.thumb(index).then((picture) => {
          if (picture) link.prepend(element("img", { src: picture, alt: "" }));
        });
      }
      list.append(item);
    }
    return element("div", {}, element("h4", {}, "alike, and not suspicious"), list);
  }

  /** @param {number} index */
  function numbersOf(index) {
    const { data } = auvseg;
    const rows = auvsegPlots.rowsOf(index);
    const head = element("tr", {}, element("th", { scope: "col" }, "measure"), ...rows.map((row) => element("th", { scope: "col" }, data.classes[data.rows.cls[row]]?.name ?? "case")));
    const body = element("tbody");
    for (const one of data.measures) {
      const name = element("th", { scope: "row", title: one.summary }, one.name);
      body.append(element("tr", {}, name, ...rows.map((row) => element("td", {}, auvseg.number(data.rows.values[one.name][row])))));
    }
    return element("details", {}, element("summary", {}, "all numbers"), element("table", { class: "numbers" }, element("thead", {}, head), body));
  }

  /** @param {string} id */
  function review(id) {
    const home = element("div", { class: "review", role: "group", "aria-label": "verdict" });
    const words = { keep: "keep (k)", exclude: "exclude (x)", fix: "fix label (f)", unsure: "unsure (u)" };
    /** @type {Array<[Verdict, HTMLElement]>} */
    const buttons = auvsegReview.VERDICTS.map((verdict) => {
      const button = element("button", { type: "button", "data-verdict": verdict }, words[verdict]);
      button.addEventListener("click", () => decide(verdict));
      return [verdict, button];
    });
    const note = /** @type {HTMLTextAreaElement} */ (element("textarea", { rows: "2", placeholder: "note (n)", "aria-label": "note", id: "note", maxlength: "2000" }));
    note.addEventListener("input", () => auvsegReview.decide(id, { note: note.value }));
    const undo = element("button", { type: "button", id: "undo" }, "undo (z)");
    undo.addEventListener("click", () => takeBack());
    const update = () => {
      const one = auvsegReview.of(id);
      for (const [verdict, button] of buttons) button.setAttribute("aria-pressed", String(one.verdict === verdict));
      if (document.activeElement !== note) note.value = one.note;
    };
    update();
    home.append(...buttons.map(([, button]) => button), undo, note);
    updateReview = update;
    return home;
  }

  let updateReview = () => {};

  /** @param {Verdict} verdict */
  function decide(verdict) {
    if (shown === undefined) return;
    const id = auvseg.data.cases.id[shown];
    auvsegReview.decide(id, { verdict: auvsegReview.of(id).verdict === verdict ? "" : verdict });
  }

  function takeBack() {
    const id = auvsegReview.undo();
    const index = id === undefined ? undefined : auvseg.indexOf(id);
    if (index !== undefined && index !== shown) auvseg.emit("open", index);
  }

  /**
   * Which planes the model looked at, by the class's position.
   * @param {CasePayload} payload
   */
  function scoredPlanes(payload) {
    /** @type {Map<number, Set<number>>} */
    const found = new Map();
    auvseg.data.classes.forEach((one, position) => {
      const planes = payload.planes[String(one.id)];
      if (planes) found.set(position, new Set(/** @type {number[]} */ (planes.index)));
    });
    return found;
  }

  /** @param {HTMLElement} home @param {number} index */
  async function show(home, index) {
    const { data } = auvseg;
    const id = data.cases.id[index];
    shown = index;
    followers = [];
    viewer = undefined;
    charts.forEach((one) => one.dispose());
    charts = [];
    const title = element("h2", { tabindex: "-1" }, id);
    const place = element("p", { class: "place" }, `${index + 1} of ${data.cases.id.length}, most suspicious by ${data.by} first`);
    const back = element("a", { href: "#" }, "all cases (Esc)");
    const previous = element("button", { type: "button", id: "previous" }, "previous (p)");
    const next = element("button", { type: "button", id: "next" }, "next (j)");
    previous.addEventListener("click", () => auvseg.emit("open", index - 1));
    next.addEventListener("click", () => auvseg.emit("open", index + 1));
    /** @type {HTMLButtonElement} */ (previous).disabled = index === 0;
    /** @type {HTMLButtonElement} */ (next).disabled = index === data.cases.id.length - 1;
    const images = element("div", { class: "viewer" }, element("p", {}, "loading"));
    const body = element("div", { class: "body" });
    home.replaceChildren(element("nav", { class: "case-nav" }, back, previous, next), title, place, review(id), images, body);
    title.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    auvseg.emit("highlight", index);
    /** @type {CasePayload} */
    let payload;
    try {
      payload = await auvseg.load(index);
    } catch (problem) {
      images.replaceChildren(element("p", { class: "problem" }, String(/** @type {Error} */ (problem).message)));
      return;
    }
    if (shown !== index) return;
    if (payload.id !== id) {
      images.replaceChildren(element("p", { class: "problem" }, "the case's file belongs to another report; make the report again"));
      return;
    }
    body.replaceChildren(structures(payload), numbersOf(index));
    if (!payload.image) {
      images.replaceChildren(element("p", {}, "no images of this case in the report; make it with a larger --images"));
      return;
    }
    viewer = new Viewer(images, payload.image, data, scoredPlanes(payload), (plane) => followers.forEach((one) => one(plane)));
    await viewer.ready;
    images.dataset.ready = "yes";
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    if (shown === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("textarea, input[type=text], input[type=search], select")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const last = auvseg.data.cases.id.length - 1;
    /** @type {Object<string, () => void>} */
    const does = {
      j: () => shown !== undefined && shown < last && auvseg.emit("open", shown + 1),
      p: () => shown !== undefined && shown > 0 && auvseg.emit("open", shown - 1),
      k: () => decide("keep"),
      x: () => decide("exclude"),
      f: () => decide("fix"),
      u: () => decide("unsure"),
      z: () => takeBack(),
      n: () => document.getElementById("note")?.focus(),
      l: () => viewer?.nextStyle(),
      m: () => viewer?.toggleModel(),
      "+": () => viewer?.go(0, viewer.at[0] + 1),
      "-": () => viewer?.go(0, viewer.at[0] - 1),
      Escape: () => (location.hash = ""),
    };
    const action = does[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  return {
    begin() {
      document.addEventListener("keydown", key);
      auvseg.on("decided", () => updateReview());
    },
    show,
    hide() {
      shown = undefined;
    },
    get viewer() {
      return viewer;
    },
  };
})();
