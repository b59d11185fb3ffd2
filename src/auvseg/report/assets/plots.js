// @ts-check
"use strict";

/**
 * The cohort in pictures, by ECharts: every structure a dot; one case is marked in all of them at once.
 */

/** @type {any} */
var echarts;

/**
 * The smallest value that at least a share of the values does not exceed, as `auvseg filter` cuts.
 * @param {number[]} values
 * @param {number} share in (0, 1]
 */
function inverseCdf(values, share) {
  const ordered = [...values].sort((a, b) => a - b);
  for (let at = 0; at < ordered.length; at += 1) if (share <= (at + 1) / ordered.length) return ordered[at];
  return ordered[ordered.length - 1];
}

/**
 * A place beside the middle of its column that depends on the row alone.
 * @param {number} row
 */
function jitter(row) {
  return (((row * 2654435761) % 4294967296) / 4294967296 - 0.5) * 0.7;
}

const auvsegPlots = (() => {
  /** @type {Array<{chart: any, mark: (index: number|undefined) => void}>} */
  const plots = [];
  /** @type {number|undefined} */
  let marked;
  const NAMED_COLUMNS = 4;
  const SYMBOLS = ["circle", "triangle", "rect", "diamond", "pin", "arrow", "roundRect"];

  function ink() {
    const style = getComputedStyle(document.documentElement);
    return { text: style.getPropertyValue("--text").trim(), line: style.getPropertyValue("--line").trim(), accent: style.getPropertyValue("--accent").trim() };
  }

  /** @param {HTMLElement} home @param {string} words */
  function chart(home, words) {
    home.setAttribute("role", "img");
    home.setAttribute("aria-label", words);
    const made = echarts.init(home, undefined, { renderer: "canvas" });
    new ResizeObserver(() => made.isDisposed() || made.resize()).observe(home);
    return made;
  }

  /** @param {number} row @param {string[]} lines */
  function tip(row, lines) {
    const { data } = auvseg;
    const index = data.rows.case[row];
    const box = auvseg.element("div", { class: "tip" }, auvseg.element("b", {}, data.cases.id[index]));
    for (const line of lines) box.append(auvseg.element("div", {}, line));
    auvseg.thumb(index).then((picture) => {
      if (picture) box.append(auvseg.element("img", { src: picture, alt: "" }));
    });
    return box;
  }

  /** @param {string} name @param {number} row */
  function valueOf(name, row) {
    return auvseg.data.rows.values[name]?.[row] ?? null;
  }

  /** @param {any} made @param {(point: any) => number} rowOf */
  function listen(made, rowOf) {
    made.on("click", (/** @type {any} */ event) => {
      if (event.data) auvseg.emit("open", auvseg.data.rows.case[rowOf(event.data)]);
    });
    made.on("mouseover", (/** @type {any} */ event) => {
      if (event.data) auvseg.emit("highlight", auvseg.data.rows.case[rowOf(event.data)]);
    });
  }

  /** @returns {Map<number, number[]>} rows by case */
  function rowsByCase() {
    /** @type {Map<number, number[]>} */
    const found = new Map();
    auvseg.data.rows.case.forEach((index, row) => {
      const rows = found.get(index);
      if (rows) rows.push(row);
      else found.set(index, [row]);
    });
    return found;
  }

  /** @type {Map<number, number[]>} */
  let byCase = new Map();

  function axis() {
    const { text, line } = ink();
    return { axisLabel: { color: text }, axisLine: { onZero: false, lineStyle: { color: line } }, splitLine: { lineStyle: { color: line, opacity: 0.4 } }, nameTextStyle: { color: text } };
  }

  /** @param {Array<any>} points */
  function dots(points) {
    return { type: "scatter", data: points, symbolSize: points.length > 4000 ? 3 : 6, large: points.length > 4000, largeThreshold: 4000, progressive: 4000, itemStyle: { color: ink().accent, opacity: 0.55 } };
  }

  const ring = () => ({ type: "scatter", data: [], symbol: "circle", symbolSize: 15, silent: true, z: 10, itemStyle: { color: "transparent", borderColor: "#d55e00", borderWidth: 3 } });

  /**
   * One measure, a column a class, a dot a structure.
   * @param {HTMLElement} home
   * @param {Measure} measure
   */
  function distribution(home, measure) {
    const { data } = auvseg;
    const rows = data.rows.case.map((_, row) => row).filter((row) => valueOf(measure.name, row) !== null && data.rows.cls[row] >= 0);
    const place = (/** @type {number} */ row) => [data.rows.cls[row] + jitter(row), valueOf(measure.name, row), row];
    const made = chart(home, `${measure.name} of every structure, a column a class`);
    const bad = { low: "low is suspicious", high: "high is suspicious", both: "far from the middle is suspicious" }[measure.suspicious];
    made.setOption({
      animation: false,
      title: { text: measure.name, subtext: bad, left: 0, top: 0, itemGap: 2, textStyle: { color: ink().text, fontSize: 13 }, subtextStyle: { color: ink().text, fontSize: 11 } },
      grid: { left: 52, right: 8, top: 46, bottom: 26 },
      tooltip: { confine: true, formatter: (/** @type {any} */ one) => tip(one.data[2], [data.classes[data.rows.cls[one.data[2]]].name, `${measure.name} ${auvseg.number(one.data[1])}`]) },
      xAxis: { type: "value", min: -0.5, max: data.classes.length - 0.5, interval: 1, ...axis(), splitLine: { show: false }, axisTick: { show: false }, axisLabel: { show: data.classes.length <= NAMED_COLUMNS, color: ink().text, formatter: (/** @type {number} */ at) => (data.classes[at]?.name ?? "").slice(0, 14) } },
      yAxis: { type: "value", scale: true, ...axis() },
      series: [dots(rows.map(place)), ring()],
    });
    listen(made, (point) => point[2]);
    plots.push({ chart: made, mark: (index) => made.setOption({ series: [{}, { data: (index === undefined ? [] : byCase.get(index) || []).filter((row) => valueOf(measure.name, row) !== null).map(place) }] }) });
  }

  /**
   * Any measure against any other.
   * @param {HTMLElement} home
   * @param {string} across
   * @param {string} up
   */
  function against(home, across, up) {
    const { data } = auvseg;
    echarts.getInstanceByDom(home)?.dispose();
    const old = plots.findIndex((one) => one.chart.isDisposed());
    if (old >= 0) plots.splice(old, 1);
    const made = chart(home, `${up} against ${across}`);
    const place = (/** @type {number} */ row) => [valueOf(across, row), valueOf(up, row), row];
    const there = (/** @type {number} */ row) => valueOf(across, row) !== null && valueOf(up, row) !== null;
    const series = data.classes.map((one, position) => ({
      ...dots(data.rows.case.map((_, row) => row).filter((row) => data.rows.cls[row] === position && there(row)).map(place)),
      name: `${position + 1}. ${one.name}`.slice(0, 40),
      symbol: SYMBOLS[position % SYMBOLS.length],
      itemStyle: { color: one.colour, opacity: 0.65 },
    }));
    const shown = series.filter((one) => one.data.length);
    made.setOption({
      animation: false,
      grid: { left: 64, right: 16, top: 36, bottom: 44 },
      legend: { top: 0, show: shown.length > 1 && shown.length < 12, textStyle: { color: ink().text } },
      tooltip: { confine: true, formatter: (/** @type {any} */ one) => tip(one.data[2], [data.classes[data.rows.cls[one.data[2]]].name, `${across} ${auvseg.number(one.data[0])}`, `${up} ${auvseg.number(one.data[1])}`]) },
      xAxis: { type: "value", scale: true, name: across, nameLocation: "middle", nameGap: 28, ...axis() },
      yAxis: { type: "value", scale: true, name: up, ...axis() },
      series: [...shown, ring()],
    });
    listen(made, (point) => point[2]);
    const blank = shown.map(() => ({}));
    plots.push({ chart: made, mark: (index) => made.setOption({ series: [...blank, { data: (index === undefined ? [] : byCase.get(index) || []).filter(there).map(place) }] }) });
  }

  /**
   * How suspicious the cases are, the filter's cut, and what it would cost each class.
   * @param {HTMLElement} home
   * @param {(share: number) => void} onCut
   */
  function cut(home, onCut) {
    const { data } = auvseg;
    const values = /** @type {number[]} */ (data.cases.suspicion.filter((one, index) => one !== null && data.cases.subset[index] === "training"));
    const made = chart(home, `how suspicious the cases are by ${data.by}, and the filter's cut`);
    if (!values.length) return () => ({ threshold: NaN, removed: /** @type {number[]} */ ([]) });
    const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    const bins = Math.min(Math.max(Math.ceil(Math.sqrt(values.length)), 8), 60);
    const step = (high - low) / bins || 1;
    const counts = new Array(bins).fill(0);
    for (const value of values) counts[Math.min(Math.floor((value - low) / step), bins - 1)] += 1;
    made.setOption({
      animation: false,
      grid: { left: 48, right: 16, top: 20, bottom: 40 },
      xAxis: { type: "value", min: low, max: low + bins * step, name: `${data.by}, suspicious to the right`, nameLocation: "middle", nameGap: 26, ...axis() },
      yAxis: { type: "value", name: "cases", minInterval: 1, ...axis() },
      series: [{
        type: "custom",
        data: counts.map((count, bin) => [low + bin * step, low + (bin + 1) * step, count]),
        encode: { x: [0, 1], y: 2 },
        itemStyle: { color: ink().accent },
        renderItem: (/** @type {any} */ _, /** @type {any} */ api) => {
          const [left, top] = api.coord([api.value(0), api.value(2)]);
          const [right, bottom] = api.coord([api.value(1), 0]);
          return { type: "rect", shape: { x: left, y: top, width: Math.max(right - left - 1, 1), height: bottom - top }, style: { fill: ink().accent } };
        },
        markLine: { symbol: "none", silent: true, data: [], lineStyle: { color: "#d55e00", width: 3, type: "solid" }, label: { color: ink().text, formatter: "cut" } },
      }],
    });
    made.getZr().on("click", (/** @type {any} */ event) => {
      const [value] = made.convertFromPixel({ gridIndex: 0 }, [event.offsetX, event.offsetY]);
      onCut(values.filter((one) => one <= value).length / values.length);
    });
    return (/** @type {number} */ share) => {
      const threshold = inverseCdf(values, Math.max(share, 1e-9));
      made.setOption({ series: [{ markLine: { data: [{ xAxis: threshold }] } }] });
      const removed = data.cases.suspicion.flatMap((one, index) => (one !== null && one > threshold && data.cases.subset[index] === "training" ? [index] : []));
      return { threshold, removed };
    };
  }

  return {
    begin() {
      byCase = rowsByCase();
      auvseg.on("highlight", (index) => {
        if (index === marked) return;
        marked = index;
        for (const one of plots) one.mark(index);
      });
    },
    rowsOf: (/** @type {number} */ index) => byCase.get(index) || [],
    distribution,
    against,
    cut,

    /**
     * A class's spectrum among the cohort's.
     * @param {HTMLElement} home
     * @param {Array<number|null>} own
     * @param {Band|undefined} band
     * @param {string} colour
     */
    spectrum(home, own, band, colour) {
      const made = chart(home, "shares of the energy, direction by direction, against the cohort's");
      const line = (/** @type {string} */ name, /** @type {Array<number|null>} */ data, /** @type {object} */ style) => ({ name, type: "line", data: data.map((value, at) => [at + 1, value && value > 1e-9 ? value : null]), showSymbol: false, ...style });
      made.setOption({
        animation: false,
        grid: { left: 60, right: 12, top: 44, bottom: 36 },
        legend: { top: 0, textStyle: { color: ink().text } },
        tooltip: { trigger: "axis", confine: true, renderMode: "richText" },
        xAxis: { type: "value", min: 1, max: Math.max(own.length, 2), name: "direction", nameLocation: "middle", nameGap: 22, ...axis() },
        yAxis: { type: "log", name: "share", ...axis() },
        series: [
          line("this case", own, { lineStyle: { color: colour, width: 3 }, itemStyle: { color: colour } }),
          ...(band ? [
            line("median", band.middle, { lineStyle: { color: ink().text, width: 1 }, itemStyle: { color: ink().text } }),
            line("5 %", band.low, { lineStyle: { color: ink().text, width: 1, type: "dotted" }, itemStyle: { color: ink().text } }),
            line("95 %", band.high, { lineStyle: { color: ink().text, width: 1, type: "dashed" }, itemStyle: { color: ink().text } }),
          ] : []),
        ],
      });
      return made;
    },
  };
})();
