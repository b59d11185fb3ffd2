// @ts-check
"use strict";

/**
 * The page of one case: reasons, images, numbers by slice, and verdict.
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
  let updateReview = () => {};
  const REMARKABLE = 95; // per cent of the cohort lie below, or above

  const element = auvseg.element;
  const VERDICTS = /** @type {Array<[Verdict, string, string]>} */ ([["keep", "keep", "k"], ["exclude", "exclude", "x"], ["fix", "fix label", "f"], ["unsure", "unsure", "u"]]);

  /** A button that says its key. @param {string} words @param {string} key @param {Object<string, string>} attributes @param {() => void} does */
  function button(words, key, attributes, does) {
    const made = /** @type {HTMLButtonElement} */ (element("button", { type: "button", ...attributes }, words, " ", element("kbd", {}, key)));
    made.addEventListener("click", does);
    return made;
  }

  /** @param {CasePayload} payload */
  function structures(payload) {
    const { data } = auvseg;
    const home = element("div", { class: "structures" });
    data.classes.forEach((one) => {
      const id = String(one.id);
      if (payload.why[id] || payload.planes[id] || payload.spectrum[id]) home.append(structure(payload, one, id));
    });
    return home;
  }

  /** @param {CasePayload} payload @param {ClassFacts} one @param {string} id */
  function structure(payload, one, id) {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = one.colour;
    const box = element("section", { class: "structure card" }, element("h3", {}, swatch, element("bdi", {}, one.name)));
    const why = payload.why[id] || "";
    if (why) box.append(element("p", { class: "why" }, why.startsWith(`${one.name}: `) ? why.slice(one.name.length + 2) : why));
    const planes = payload.planes[id];
    for (const [name, title, lowIsBad] of STRIPS) {
      if (!planes?.[name]) continue;
      const { line, follow } = contributionStrip(title, planes.index, planes[name], lowIsBad, (slice) => viewer?.goToPlane(slice));
      followers.push(follow);
      box.append(line);
    }
    const spectrum = payload.spectrum[id];
    if (spectrum?.length) {
      const home = element("div", { class: "spectrum" });
      box.append(element("h4", {}, "Singular spectrum of the model's map"), home);
      const draw = () => home.isConnected && charts.push(spectrumPlot(home, spectrum, auvseg.data.bands[id], one.colour));
      requestAnimationFrame(draw);
      redraws.push(draw);
    }
    const similar = payload.similar[id] || [];
    if (similar.length) box.append(element("h4", {}, "Most similar cases that are not suspicious"), neighbours(similar));
    return box;
  }

  /** @type {Array<() => void>} */
  let redraws = [];

  /** @param {string[]} similar */
  function neighbours(similar) {
    const list = element("ul", { class: "similar" });
    for (const id of similar) {
      const index = auvseg.indexOf(id);
      const name = element("bdi", {}, id);
      const link = index === undefined ? element("span", {}, name) : element("a", { href: auvseg.address(index), class: "thumb" }, name);
      if (index !== undefined) {
        auvseg.thumb(index).then((picture) => {
          if (picture) link.prepend(element("img", { src: picture, alt: "" }));
        });
      }
      list.append(element("li", {}, link));
    }
    return list;
  }

  /** A number, and how many of the same structure's lie below it. @param {Measure} measure @param {number} row */
  function number(measure, row) {
    const { values, cls } = auvseg.data.rows;
    const value = values[measure.name][row];
    const { subset } = auvseg.data.cases;
    // Training cases are the cohort; where there is none, all are.
    const training = subset.includes("training");
    const compared = (/** @type {number} */ other) => !training || subset[auvseg.data.rows.case[other]] === "training";
    const others = values[measure.name].filter((one, other) => one !== null && cls[other] === cls[row] && compared(other));
    const percent = percentileAmong(value, others);
    const cell = element("td", {}, numberInWords(value));
    if (percent === undefined || others.length < auvseg.data.fewest) return cell;
    cell.append(element("span", { class: "percentile", title: `of ${others.length} cases` }, ` ${Math.round(percent)} %`));
    const low = percent <= 100 - REMARKABLE && measure.suspicious !== "high";
    const high = percent >= REMARKABLE && measure.suspicious !== "low";
    if (low || high) cell.classList.add("remarkable");
    return cell;
  }

  /** @param {number} index */
  function numbersOf(index) {
    const { data } = auvseg;
    const rows = auvsegPlots.rowsOf(index).filter((row) => data.rows.status[row] === 0);
    const names = rows.map((row) => element("th", { scope: "col" }, element("bdi", {}, data.classes[data.rows.cls[row]]?.name ?? "case")));
    const details = element("details", { class: "card" }, element("summary", {}, "All numbers"));
    details.addEventListener("toggle", () => {
      if (details.childElementCount > 1) return;
      const body = element("tbody");
      for (const one of data.measures) {
        const name = element("th", { scope: "row" }, one.name, element("span", { class: "summary" }, one.summary));
        body.append(element("tr", {}, name, ...rows.map((row) => number(one, row))));
      }
      details.append(
        element("p", { class: "hint" }, "Next to each number: its percentile in the cohort, for the same structure. Bold and underlined: in the 5 % at the suspicious end."),
        element("div", { class: "scroll-x" }, element("table", { class: "numbers" }, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "measure"), ...names)), body)),
      );
    });
    return details;
  }

  /** @param {string} id */
  function review(id) {
    const home = element("div", { class: "review", role: "group", "aria-label": "verdict" });
    const buttons = VERDICTS.map(([verdict, words, key]) => button(words, key, { "data-verdict": verdict }, () => decide(verdict)));
    const note = /** @type {HTMLTextAreaElement} */ (element("textarea", { rows: "1", placeholder: "note (n)", "aria-label": "note", id: "note", maxlength: "2000" }));
    note.addEventListener("input", () => auvsegReview.decide(id, { note: note.value }));
    const undo = button("undo", "z", { id: "undo" }, takeBack);
    const goesOn = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox", id: "goes-on" }));
    goesOn.checked = auvsegReview.goesOn;
    goesOn.addEventListener("change", () => (auvsegReview.goesOn = goesOn.checked));
    const said = element("span", { id: "said", role: "status" });
    updateReview = () => {
      const one = auvsegReview.of(id);
      for (const made of buttons) made.setAttribute("aria-pressed", String(one.verdict === made.dataset.verdict));
      undo.disabled = !auvsegReview.canUndo;
      if (note.value !== one.note) note.value = one.note;
      const words = VERDICTS.find(([verdict]) => verdict === one.verdict)?.[1];
      said.textContent = words ? `${words}${auvsegReview.keeps ? ", kept" : ""}` : "";
    };
    updateReview();
    home.append(...buttons, note, undo, element("label", {}, goesOn, " next case after a verdict"), said);
    return home;
  }

  /** @param {Verdict} verdict */
  function decide(verdict) {
    if (shown === undefined) return;
    const id = auvseg.data.cases.id[shown];
    const taken = auvsegReview.of(id).verdict !== verdict;
    auvsegReview.decide(id, { verdict: taken ? verdict : "" });
    if (taken && auvsegReview.goesOn) step(1);
  }

  function takeBack() {
    const id = auvsegReview.undo();
    const index = id === undefined ? undefined : auvseg.indexOf(id);
    if (index !== undefined && index !== shown) auvseg.emit("open", index);
  }

  /** @param {number} by */
  function step(by) {
    if (shown !== undefined && auvseg.data.files[shown + by] !== undefined) auvseg.emit("open", shown + by);
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

  /** What is above the images. @param {number} index @param {string} id */
  function head(index, id) {
    const { data } = auvseg;
    const last = data.cases.id.length - 1;
    const title = element("h2", { tabindex: "-1" }, element("bdi", {}, id));
    const previous = button("previous", "p", { id: "previous" }, () => step(-1));
    const next = button("next", "j", { id: "next" }, () => step(1));
    [previous.disabled, next.disabled] = [index === 0, index === last];
    const back = element("a", { href: "#", id: "back" }, "all cases ", element("kbd", {}, "Esc"));
    const place = element("p", { class: "place" }, `${index + 1} of ${last + 1}${data.noOrder ? "" : ` by ${data.by}, most suspicious first`}${data.cases.subset[index] ? `; ${data.cases.subset[index]}` : ""}`);
    const top = element("div", { class: "case-head" }, element("nav", { class: "case-nav", "aria-label": "cases" }, back, previous, next), title, place, review(id));
    return { title, top };
  }

  function clear() {
    followers = [];
    redraws = [];
    viewer = undefined;
    charts.forEach((one) => one.isDisposed() || one.dispose());
    charts = [];
  }

  /** @param {HTMLElement} home @param {number} index */
  async function show(home, index) {
    const { data } = auvseg;
    const id = data.cases.id[index];
    shown = index;
    clear();
    const { title, top } = head(index, id);
    const images = element("div", { class: "viewer card" }, element("p", {}, "loading"));
    const body = element("div", { class: "body" });
    const why = data.cases.why[index] ? [element("p", { class: "why lead" }, data.cases.why[index])] : [];
    home.replaceChildren(top, ...why, images, body);
    title.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    auvseg.emit("highlight", index);
    const fail = (/** @type {string} */ words) => images.replaceChildren(element("p", { class: "problem" }, words));
    /** @type {CasePayload} */
    let payload;
    try {
      payload = await auvseg.load(index);
    } catch (problem) {
      if (shown === index) fail(/** @type {Error} */ (problem).message);
      return;
    }
    if (shown !== index) return;
    if (payload.id !== id) {
      fail("the case's file belongs to another report; make the report again");
      return;
    }
    body.replaceChildren(structures(payload), numbersOf(index));
    if (!payload.image) {
      images.replaceChildren(element("p", {}, "the report has no images of this case; make it with a larger --images"));
      return;
    }
    viewer = new Viewer(images, payload.image, data, scoredPlanes(payload), (plane) => followers.forEach((one) => one(plane)));
    await viewer.ready;
    images.dataset.ready = "yes";
  }

  return {
    begin() {
      auvseg.on("decided", () => updateReview());
      auvseg.on("colours", () => {
        charts.forEach((one) => one.isDisposed() || one.dispose());
        charts = [];
        redraws.forEach((one) => one());
      });
    },

    /** @returns {Shortcut[]} */
    get shortcuts() {
      const presets = Object.keys(WINDOWS);
      /** @type {Array<[string[], string, () => void]>} */
      const list = [
        [["j", "ArrowRight"], "next case", () => step(1)],
        [["p", "ArrowLeft"], "previous case", () => step(-1)],
        ...VERDICTS.map(([verdict, words, key]) => /** @type {[string[], string, () => void]} */ ([[key], `${words}; again: no verdict`, () => decide(verdict)])),
        [["n"], "write a note; Esc leaves it", () => document.getElementById("note")?.focus()],
        [["z"], "undo the last step of the review", takeBack],
        [["+"], "one slice up", () => viewer?.go(0, viewer.at[0] + 1)],
        [["-"], "one slice down", () => viewer?.go(0, viewer.at[0] - 1)],
        [["l"], "label: outline, filled, difference, hidden", () => viewer?.nextStyle()],
        [["m"], "the model's own mask: on, off", () => viewer?.toggleModel()],
        [["Escape"], "back to all cases", () => (location.hash = "")],
      ];
      if (auvseg.data.modality === "ct") {
        list.splice(-1, 0, ...presets.map((name, at) => /** @type {[string[], string, () => void]} */ ([[String(at + 1)], `window: ${name}`, () => viewer?.windowing?.choose(name)])));
      }
      return list.map(([keys, words, does]) => ({ keys, words, does, where: "case" }));
    },

    show,

    hide() {
      shown = undefined;
      clear();
    },

    get shown() {
      return shown;
    },

    get viewer() {
      return viewer;
    },
  };
})();
