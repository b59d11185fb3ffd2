// @ts-check
"use strict";

/**
 * Every structure a row, by Tabulator: only the rows in sight are in the page, so ten thousand cases stay fast.
 */

/** @type {any} */
var Tabulator;

const auvsegTable = (() => {
  const STATUS = ["ok", "absent", "failed"];
  const SHOWN = 8;
  /** @type {any} */
  let table;
  let search = "";
  let wanted = "";

  /** @param {string} words */
  const heading = (words) => () => auvseg.element("span", {}, words);

  /** @param {number} row */
  function entry(row) {
    const { data } = auvseg;
    const index = data.rows.case[row];
    const id = data.cases.id[index];
    /** @type {Object<string, any>} */
    const made = {
      row,
      index,
      rank: index + 1,
      case: id,
      class: data.classes[data.rows.cls[row]]?.name ?? "",
      subset: data.cases.subset[index],
      status: STATUS[data.rows.status[row]],
      verdict: auvsegReview.of(id).verdict,
      why: data.cases.why[index],
    };
    data.measures.forEach((one, number) => (made[`m${number}`] = data.rows.values[one.name][row]));
    Object.keys(data.own).forEach((name, number) => (made[`o${number}`] = data.own[name][index]));
    return made;
  }

  /** @param {any} cell */
  function caseLink(cell) {
    const id = cell.getValue();
    return auvseg.element("a", { href: `#case=${encodeURIComponent(id)}` }, id);
  }

  /** @param {string|number|null} asked @param {number|null} value */
  function atLeast(asked, value) {
    const words = String(asked ?? "").trim();
    const bound = Number(words.replace(/^[<>]=?/, ""));
    if (!words || Number.isNaN(bound)) return true;
    if (value === null || value === undefined) return false;
    return words.startsWith("<") ? value <= bound : value >= bound;
  }

  /** @param {any} a @param {any} b @param {any} _a @param {any} _b @param {any} _c @param {string} direction */
  function missingLast(a, b, _a, _b, _c, direction) {
    if (a === null || a === undefined) return b === null || b === undefined ? 0 : direction === "asc" ? 1 : -1;
    if (b === null || b === undefined) return direction === "asc" ? -1 : 1;
    return a - b;
  }

  function columns() {
    const { data } = auvseg;
    const text = { headerFilter: "input", formatter: "plaintext", headerFilterParams: { elementAttributes: { "aria-label": "filter" } } };
    return [
      { title: "rank", field: "rank", width: 70, hozAlign: "right" },
      { title: "case", field: "case", ...text, formatter: caseLink, minWidth: 140, frozen: false },
      { title: "structure", field: "class", ...text, minWidth: 90 },
      { title: "verdict", field: "verdict", ...text, width: 90 },
      ...data.measures.map((one, number) => ({
        title: one.name, titleFormatter: heading(one.name), headerTooltip: one.summary, field: `m${number}`, hozAlign: "right", sorter: missingLast, visible: number < SHOWN,
        formatter: (/** @type {any} */ cell) => auvseg.element("span", {}, auvseg.number(cell.getValue())),
        headerFilter: "input", headerFilterPlaceholder: "≥ or <", headerFilterFunc: atLeast, headerFilterLiveFilter: true, minWidth: 90,
      })),
      { title: "status", field: "status", ...text, width: 80 },
      { title: "subset", field: "subset", ...text, width: 90 },
      ...Object.keys(data.own).map((name, number) => ({ title: "own", titleFormatter: heading(name), field: `o${number}`, ...text, minWidth: 90 })),
    ];
  }

  function refilter() {
    const words = search.toLowerCase();
    table.setFilter((/** @type {any} */ one) => {
      if (wanted === "none" ? one.verdict : wanted && one.verdict !== wanted) return false;
      return !words || one.case.toLowerCase().includes(words) || one.class.toLowerCase().includes(words) || one.why.toLowerCase().includes(words);
    });
  }

  return {
    /** @param {HTMLElement} home */
    begin(home) {
      const rows = auvseg.data.rows.case.map((_, row) => entry(row));
      rows.sort((a, b) => a.rank - b.rank);
      table = new Tabulator(home, {
        data: rows,
        index: "row",
        columns: columns(),
        maxHeight: "60vh",
        layout: "fitDataFill",
        renderVertical: "virtual",
        placeholder: "no structure fits",
        columnDefaults: { headerSortTristate: true },
      });
      table.on("rowMouseEnter", (/** @type {any} */ _, /** @type {any} */ row) => auvseg.emit("highlight", row.getData().index));
      table.on("rowDblClick", (/** @type {any} */ _, /** @type {any} */ row) => auvseg.emit("open", row.getData().index));
      table.on("dataFiltered", (/** @type {any} */ _, /** @type {any[]} */ found) => auvseg.emit("filtered", found.length));
      auvseg.on("decided", (id) => {
        const index = auvseg.indexOf(id);
        if (index === undefined) return;
        const verdict = auvsegReview.of(id).verdict;
        table.updateData(auvsegPlots.rowsOf(index).map((row) => ({ row, verdict })));
      });
      return new Promise((resolve) => table.on("tableBuilt", () => resolve(undefined)));
    },

    /** @param {string} words */
    search(words) {
      search = words;
      refilter();
    },

    /** @param {string} verdict */
    only(verdict) {
      wanted = verdict;
      refilter();
    },

    /** @param {number} number @param {boolean} shown */
    show(number, shown) {
      if (shown) table.showColumn(`m${number}`);
      else table.hideColumn(`m${number}`);
    },

    SHOWN,
  };
})();
