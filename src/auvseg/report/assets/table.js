// @ts-check
"use strict";

/**
 * Table with one row per structure (Tabulator): only visible rows are rendered, so ten thousand cases stay fast.
 */

const auvsegTable = (() => {
  const STATUS = ["ok", "absent", "failed"];
  const SHOWN = 8;
  const PAGE = 15;
  /** @type {any} */
  let table;
  /** @type {Array<Object<string, any>>} */
  let entries = [];
  let search = "";
  let wanted = "";
  /** @type {Set<number>} measures that have a column */
  const there = new Set();

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
    // Out of the tab key's way, which would stop at every row, and lose its place when the row is scrolled out of sight.
    return auvseg.element("a", { href: auvseg.address(cell.getData().index), tabindex: "-1" }, cell.getValue());
  }

  /** @param {any} _ @param {any} cell */
  function caseTip(_, cell) {
    const { index, why } = cell.getData();
    const box = auvseg.element("div", { class: "tip" }, auvseg.element("div", {}, why));
    auvseg.thumb(index).then((picture) => {
      if (picture) box.append(auvseg.element("img", { src: picture, alt: "" }));
    });
    return box;
  }

  /** @param {any} a @param {any} b @param {any} _a @param {any} _b @param {any} _c @param {string} direction */
  function missingLast(a, b, _a, _b, _c, direction) {
    if (a === null || b === null) return a === b ? 0 : (a === null ? 1 : -1) * (direction === "asc" ? 1 : -1);
    return a - b;
  }

  /** A filter above a column. @param {string} name */
  const filterFor = (name) => ({ headerFilter: "input", headerFilterParams: { elementAttributes: { "aria-label": `filter by ${name}` } } });

  /**
   * A width for a column that holds such texts: fitting it to what is in it costs the browser a layout a column and turn.
   * @param {readonly string[]} texts
   */
  const widthFor = (texts) => Math.min(Math.max(90, Math.ceil(44 + 8.5 * texts.reduce((most, one) => Math.max(most, one.length), 0))), 260);

  /** @param {number} number of the measure */
  function measureColumn(number) {
    const one = auvseg.data.measures[number];
    return {
      title: one.name, titleFormatter: heading(one.name), headerTooltip: one.summary, field: `m${number}`, hozAlign: "right", sorter: missingLast,
      formatter: (/** @type {any} */ cell) => numberInWords(cell.getValue()),
      ...filterFor(one.name), headerFilterPlaceholder: "> or <", headerFilterFunc: withinBound, headerFilterLiveFilter: true, width: widthFor([one.name]),
    };
  }

  function columns() {
    const { data } = auvseg;
    data.measures.slice(0, SHOWN).forEach((_, number) => there.add(number));
    const text = (/** @type {any} */ cell) => auvseg.element("bdi", {}, cell.getValue());
    const words = (/** @type {string} */ name, /** @type {readonly string[]} */ values) => ({ formatter: text, width: widthFor([name, ...new Set(values)]) });
    const { id, subset } = data.cases;
    return [
      ...(data.noOrder ? [] : [{ title: "rank", field: "rank", hozAlign: "right", width: 70 }]),
      { title: "case", field: "case", formatter: caseLink, tooltip: caseTip, width: Math.max(widthFor(id), 130), frozen: id.every((one) => one.length < 40), ...filterFor("case") },
      { title: "structure", field: "class", ...words("structure", data.classes.map((one) => one.name)), ...filterFor("structure") },
      { title: "verdict", field: "verdict", formatter: text, width: 90 },
      // The others come when they are asked for.
      ...[...there].map(measureColumn),
      { title: "status", field: "status", ...words("status", STATUS), ...filterFor("status") },
      { title: "subset", field: "subset", ...words("subset", subset), ...filterFor("subset") },
      ...Object.entries(data.own).map(([name, values], number) => ({ title: "own", titleFormatter: heading(name), field: `o${number}`, ...words(name, values), ...filterFor(name) })),
    ];
  }

  /** @param {Object<string, any>} one */
  function fits(one) {
    if (wanted === "none" ? one.verdict : wanted && one.verdict !== wanted) return false;
    return !search || one.case.toLowerCase().includes(search) || one.class.toLowerCase().includes(search) || one.why.toLowerCase().includes(search);
  }

  /** Show the verdicts as they are now. @param {string|undefined} id of the case that changed; undefined: any may have */
  function refresh(id) {
    const index = id === undefined ? undefined : auvseg.indexOf(id);
    const rows = index === undefined ? entries.map((one) => one.row) : auvsegPlots.rowsOf(index);
    const changed = [];
    for (const row of rows) {
      const { verdict } = auvsegReview.of(auvseg.data.cases.id[auvseg.data.rows.case[row]]);
      if (verdictByRow.get(row) === verdict) continue;
      verdictByRow.set(row, verdict);
      changed.push({ row, verdict });
    }
    if (changed.length) table.updateData(changed);
  }

  /** @type {any} the row that the keyboard stands on */
  let current;

  /**
   * The whole table is one stop of the tab key; within it arrows go from row to row, and Enter opens the case.
   * @param {KeyboardEvent} event
   */
  function key(event) {
    const rows = table.getRows("active");
    const at = rows.indexOf(current);
    if (event.key === "Enter" && at >= 0) auvseg.emit("open", current.getData().index);
    const to = { ArrowDown: at + 1, ArrowUp: Math.max(at, 1) - 1, PageDown: at + PAGE, PageUp: at - PAGE, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || !rows.length) return;
    event.preventDefault();
    stand(rows[Math.min(Math.max(to, 0), rows.length - 1)]);
  }

  /** @param {any} row */
  function stand(row) {
    current?.getElement().classList.remove("current");
    current = row;
    row.getElement().classList.add("current");
    table.scrollToRow(row, "nearest", false).catch(() => {}); // it is in sight already
    const { data } = auvseg;
    const { index, rank, case: id, class: name } = row.getData();
    auvseg.emit("highlight", index);
    holder().setAttribute("aria-label", `structures; ${data.noOrder ? "" : `row ${rank}, `}${id}, ${name}; Enter opens it`);
  }

  const holder = () => /** @type {HTMLElement} */ (table.element.querySelector(".tabulator-tableholder"));

  /** @type {Map<number, string>} */
  const verdictByRow = new Map();

  /** @param {any[]} found rows that fit */
  function tell(found) {
    const cases = new Set(found.map((row) => row.getData().index));
    auvseg.emit("filtered", { rows: found.length, cases: cases.size, only: cases.size === 1 ? [...cases][0] : undefined });
  }

  return {
    /** @param {HTMLElement} home */
    begin(home) {
      entries = auvseg.data.rows.case.map((_, row) => entry(row));
      entries.sort((a, b) => a.rank - b.rank);
      for (const one of entries) verdictByRow.set(one.row, one.verdict);
      table = new Tabulator(home, {
        data: entries,
        index: "row",
        columns: columns(),
        maxHeight: "60vh",
        layout: "fitData",
        renderVertical: "virtual",
        placeholder: "no structure matches the filters above",
        columnDefaults: { headerSortTristate: true },
      });
      table.on("rowMouseEnter", (/** @type {any} */ _, /** @type {any} */ row) => auvseg.emit("highlight", row.getData().index));
      table.on("rowDblClick", (/** @type {any} */ _, /** @type {any} */ row) => auvseg.emit("open", row.getData().index));
      table.on("dataFiltered", (/** @type {any} */ _, /** @type {any[]} */ found) => tell(found));
      auvseg.on("decided", refresh);
      return new Promise((resolve) => table.on("tableBuilt", () => {
        holder().setAttribute("aria-label", "structures; arrows go from row to row");
        holder().addEventListener("keydown", key);
        resolve(undefined);
      }));
    },

    /** @param {string} words */
    search(words) {
      search = words.toLowerCase();
      table.setFilter(fits);
    },

    /** @param {string} verdict */
    only(verdict) {
      wanted = verdict;
      table.setFilter(fits);
    },

    /** No filter but the ones that were there at the beginning. */
    clear() {
      search = wanted = "";
      table.clearHeaderFilter();
      table.setFilter(fits);
    },

    /** @param {number} number of the measure @param {boolean} shown */
    show(number, shown) {
      if (!there.has(number)) {
        const before = Math.max(...[...there].filter((one) => one < number), -1);
        there.add(number);
        table.addColumn(measureColumn(number), false, before < 0 ? "verdict" : `m${before}`);
      } else if (shown) table.showColumn(`m${number}`);
      else table.hideColumn(`m${number}`);
    },

    SHOWN,
  };
})();
