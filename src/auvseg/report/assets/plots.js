// @ts-check
"use strict";

/**
 * Plots of the cohort (ECharts): one dot per structure; a case is marked in all plots at once.
 */

const auvsegPlots = (() => {
  /** @typedef {{home: HTMLElement, chart: any, draw: () => void, mark: (index: number|undefined) => void}} Plot */
  /** @type {Map<HTMLElement, Plot>} */
  const plots = new Map();
  /** @type {number|undefined} */
  let marked;
  const NAMED_COLUMNS = 16;
  const LEGEND = 12;
  const MANY = 4000;
  const RING = 8;
  const SYMBOLS = ["circle", "triangle", "rect", "diamond", "arrow", "roundRect"];
  /** @type {Map<number, number[]>} */
  const byCase = new Map();

  function ink() {
    const style = getComputedStyle(document.documentElement);
    const [text, soft, line, accent, back, mark] = ["--text", "--soft-text", "--line", "--accent", "--card", "--mark"].map((name) => style.getPropertyValue(name).trim());
    return { text, soft, line, accent, back, mark };
  }

  /**
   * A chart in place of what is there.
   * @param {HTMLElement} home
   * @param {string} words for who does not see it
   * @param {() => void} [resized] told when places in it have moved
   */
  function chart(home, words, resized = () => undefined) {
    echarts.getInstanceByDom(home)?.dispose();
    home.setAttribute("role", "img");
    home.setAttribute("aria-label", words);
    const made = echarts.init(home, undefined, { renderer: "canvas" });
    const observer = new ResizeObserver(() => {
      if (made.isDisposed()) observer.disconnect();
      // A page that is hidden has no size, and one that is shown again has the old one: thirty thousand dots stay as they are.
      else if (home.clientWidth && (home.clientWidth !== made.getWidth() || home.clientHeight !== made.getHeight())) {
        made.resize();
        resized();
      }
    });
    observer.observe(home);
    return made;
  }

  /**
   * Draw when it is about to be seen, or printed.
   * @param {HTMLElement} home
   * @param {() => void} draw
   */
  function whenSeen(home, draw) {
    const now = () => {
      observer.disconnect();
      removeEventListener("beforeprint", now);
      draw();
    };
    const observer = new IntersectionObserver((found) => found.some((one) => one.isIntersecting) && now(), { rootMargin: "200px" });
    observer.observe(home);
    addEventListener("beforeprint", now);
  }

  function axis() {
    const { soft, line } = ink();
    return {
      axisLabel: { color: soft, hideOverlap: true },
      axisLine: { onZero: false, lineStyle: { color: line } },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: line, opacity: 0.6 } },
      nameTextStyle: { color: soft },
    };
  }

  /** @param {ReadonlyArray<number|null>} values */
  function scale(values) {
    return spansDecades(values) ? { type: "log", minorTick: { show: false } } : { type: "value", scale: true };
  }

  function tooltip() {
    const { text, back, line } = ink();
    return { confine: true, backgroundColor: back, borderColor: line, textStyle: { color: text, fontSize: 13 }, extraCssText: "max-width: 280px; white-space: normal" };
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

  /** @param {number} row */
  const className = (row) => auvseg.data.classes[auvseg.data.rows.cls[row]].name;

  /** @param {any} made */
  function listen(made) {
    made.on("click", (/** @type {any} */ event) => {
      if (event.data) auvseg.emit("open", auvseg.data.rows.case[event.data[2]]);
    });
    made.on("mouseover", (/** @type {any} */ event) => {
      if (event.data) auvseg.emit("highlight", auvseg.data.rows.case[event.data[2]]);
    });
  }

  /** The dots of every class that has any. @param {(row: number) => boolean} there @param {(row: number) => any[]} place */
  function dots(there, place) {
    const { data } = auvseg;
    /** @type {any[][]} */
    const points = data.classes.map(() => []);
    data.rows.cls.forEach((position, row) => {
      if (position >= 0 && there(row)) points[position].push(place(row));
    });
    return data.classes.flatMap((one, position) => (points[position].length ? [{
      type: "scatter",
      name: `${position + 1}. ${one.name}`.slice(0, 40),
      data: points[position],
      symbol: SYMBOLS[position % SYMBOLS.length],
      symbolSize: points[position].length > MANY ? 3 : 7,
      large: points[position].length > MANY,
      largeThreshold: MANY,
      progressive: MANY,
      itemStyle: { color: one.colour, opacity: 0.7, borderColor: ink().text, borderWidth: points[position].length > MANY ? 0 : 0.4 },
    }] : []));
  }

  /**
   * Draw a plot, and again whenever the colours change.
   * @param {HTMLElement} home
   * @param {string} words
   * @param {() => {option: any, there: (row: number) => boolean, place: (row: number) => any[]}} make
   */
  function plot(home, words, make) {
    const draw = () => {
      const made = chart(home, words, () => mark(marked));
      const { option, there, place } = make();
      made.setOption({ animation: false, tooltip: { ...tooltip(), ...option.tooltip }, ...option });
      listen(made);
      // On a separate layer, so that the dots are not repainted on every mouse move.
      const rings = new echarts.graphic.Group();
      made.getZr().add(rings);
      const style = { fill: "none", stroke: ink().mark, lineWidth: 3 };
      const mark = (/** @type {number|undefined} */ index) => {
        const rows = (index === undefined ? [] : byCase.get(index) || []).filter((row) => auvseg.data.rows.cls[row] >= 0 && there(row));
        rings.removeAll();
        for (const row of rows) {
          const [cx, cy] = made.convertToPixel({ gridIndex: 0 }, place(row));
          rings.add(new echarts.graphic.Circle({ shape: { cx, cy, r: RING }, style, silent: true, zlevel: 1 }));
        }
        home.dataset.marked = String(rows.length);
      };
      plots.set(home, { home, chart: made, draw, mark });
      if (marked !== undefined) mark(marked);
    };
    draw();
  }

  /** Names below the columns: upright where there is room, else none (the tip has them). */
  function classAxis() {
    const { classes } = auvseg.data;
    const named = classes.length <= NAMED_COLUMNS;
    const turned = classes.length > 4;
    const label = {
      show: named, color: ink().soft, customValues: classes.map((_, at) => at), rotate: turned ? 40 : 0, interval: 0, hideOverlap: false,
      formatter: (/** @type {number} */ at) => shortened(classes[Math.round(at)]?.name ?? "", turned ? 12 : 14),
    };
    return { type: "value", min: -0.5, max: classes.length - 0.5, ...axis(), splitLine: { show: false }, axisLabel: label };
  }

  /** @param {string} words @param {number} length */
  function shortened(words, length) {
    return words.length > length ? `${words.slice(0, length - 1)}…` : words;
  }

  /**
   * One measure, a column a class, a dot a structure.
   * @param {HTMLElement} home
   * @param {Measure} measure
   */
  function distribution(home, measure) {
    const { data } = auvseg;
    const { name } = measure;
    const there = (/** @type {number} */ row) => valueOf(name, row) !== null;
    const place = (/** @type {number} */ row) => [data.rows.cls[row] + jitter(row), valueOf(name, row), row];
    plot(home, `${name} of every structure, one column per class`, () => ({
      there,
      place,
      option: {
        grid: { left: 52, right: 12, top: 12, bottom: data.classes.length > 4 && data.classes.length <= NAMED_COLUMNS ? 62 : 28 },
        tooltip: { formatter: (/** @type {any} */ one) => tip(one.data[2], [className(one.data[2]), `${name} ${numberInWords(one.data[1])}`]) },
        xAxis: classAxis(),
        yAxis: { ...scale(data.rows.values[name]), ...axis() },
        series: dots(there, place),
      },
    }));
  }

  /**
   * Any measure against any other.
   * @param {HTMLElement} home
   * @param {string} across
   * @param {string} up
   */
  function against(home, across, up) {
    const { values } = auvseg.data.rows;
    const there = (/** @type {number} */ row) => valueOf(across, row) !== null && valueOf(up, row) !== null;
    const place = (/** @type {number} */ row) => [valueOf(across, row), valueOf(up, row), row];
    const named = (/** @type {string} */ name) => `${name}${spansDecades(values[name]) ? " (logarithmic)" : ""}`;
    plot(home, `${up} against ${across}, one dot per structure`, () => {
      const series = dots(there, place);
      return {
        there,
        place,
        option: {
          grid: { left: 64, right: 20, top: 44, bottom: 46 },
          legend: { type: "scroll", top: 0, show: series.length > 1 && series.length <= LEGEND, textStyle: { color: ink().text }, pageTextStyle: { color: ink().text }, data: series.map((one) => one.name) },
          tooltip: { formatter: (/** @type {any} */ one) => tip(one.data[2], [className(one.data[2]), `${across} ${numberInWords(one.data[0])}`, `${up} ${numberInWords(one.data[1])}`]) },
          xAxis: { ...scale(values[across]), name: named(across), nameLocation: "middle", nameGap: 28, ...axis() },
          yAxis: { ...scale(values[up]), name: named(up), nameLocation: "middle", nameGap: 46, ...axis() },
          series,
        },
      };
    });
  }

  return {
    begin() {
      auvseg.data.rows.case.forEach((index, row) => {
        const rows = byCase.get(index);
        if (rows) rows.push(row);
        else byCase.set(index, [row]);
      });
      auvseg.on("highlight", (index) => {
        if (index === marked) return;
        marked = index;
        for (const one of plots.values()) one.mark(index);
      });
      auvseg.on("colours", () => {
        for (const one of [...plots.values()]) one.draw();
      });
    },
    /** @param {number} index @returns {number[]} */
    rowsOf: (index) => byCase.get(index) || [],
    get marked() {
      return marked;
    },
    /** @param {HTMLElement} home */
    mark(home) {
      plots.get(home)?.mark(marked);
    },
    ink,
    chart,
    whenSeen,
    axis,
    tooltip,
    distribution,
    against,
  };
})();
