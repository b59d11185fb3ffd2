// @ts-check
"use strict";

/**
 * All cases as thumbnails, worst first, with their verdicts. Only visible pictures are loaded.
 */

const auvsegGallery = (() => {
  const FIRST = 24;
  const STEP = 300;
  const element = auvseg.element;
  /** @type {Map<number, HTMLElement>} */
  const badges = new Map();

  const seen = new IntersectionObserver((found) => {
    for (const entry of found) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      const link = /** @type {HTMLElement} */ (entry.target);
      auvseg.thumb(Number(link.dataset.index)).then((picture) => {
        if (picture) link.prepend(element("img", { src: picture, alt: "" }));
      });
    }
  }, { rootMargin: "400px" });

  /** @param {number} index */
  function thumb(index) {
    const { cases } = auvseg.data;
    const verdict = auvsegReview.of(cases.id[index]).verdict;
    const badge = element("span", { class: "badge" }, verdict);
    const name = element("span", { class: "name" }, element("bdi", {}, cases.id[index]));
    const rank = auvseg.data.noOrder ? [] : [element("span", { class: "rank" }, String(index + 1))];
    const link = element("a", { href: auvseg.address(index), class: "thumb", "data-index": String(index), title: cases.why[index] }, ...rank, name, badge);
    const mark = () => auvseg.emit("highlight", index);
    link.addEventListener("mouseenter", mark);
    link.addEventListener("focus", mark);
    badges.set(index, badge);
    seen.observe(link);
    return link;
  }

  /** @param {string|undefined} id of the case that changed; undefined: any may have */
  function refresh(id) {
    const index = id === undefined ? undefined : auvseg.indexOf(id);
    const some = index === undefined ? [...badges.keys()] : [index];
    for (const one of some) {
      const badge = badges.get(one);
      if (badge) badge.textContent = auvsegReview.of(auvseg.data.cases.id[one]).verdict;
    }
  }

  return {
    /** @param {HTMLElement} section */
    begin(section) {
      const { data } = auvseg;
      section.hidden = !data.hasThumbs;
      if (!data.hasThumbs) return;
      const home = /** @type {HTMLElement} */ (section.querySelector("#gallery"));
      const more = /** @type {HTMLElement} */ (section.querySelector("#gallery-more"));
      let shown = 0;
      const add = (/** @type {number} */ count) => {
        const end = Math.min(shown + count, data.files.length);
        for (; shown < end; shown += 1) home.append(thumb(shown));
        const left = data.files.length - shown;
        more.hidden = left === 0;
        more.textContent = `show ${Math.min(left, STEP)} more`;
      };
      more.addEventListener("click", () => add(STEP));
      add(FIRST);
      auvseg.on("decided", refresh);
    },
  };
})();
