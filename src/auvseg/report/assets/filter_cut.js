// @ts-check
"use strict";

/**
 * A histogram of how suspicious the cases are, with the cut of `auvseg filter` as a line to drag.
 */

const auvsegFilterCut = (() => {
  const MIN_BINS = 8;
  const MAX_BINS = 60;

  /** @param {readonly number[]} ordered ascending, not empty */
  function histogram(ordered) {
    const [low, high] = [ordered[0], ordered[ordered.length - 1]];
    const bins = Math.min(Math.max(Math.ceil(Math.sqrt(ordered.length)), MIN_BINS), MAX_BINS);
    const step = (high - low) / bins || 1;
    const counts = new Array(bins).fill(0);
    for (const value of ordered) counts[Math.min(Math.floor((value - low) / step), bins - 1)] += 1;
    return { low, step, counts, end: low + bins * step };
  }

  /**
   * A bar from one value to another, as ECharts draws what it has no series for.
   * @param {string} colour
   */
  const bar = (colour) => (/** @type {any} */ _, /** @type {any} */ api) => {
    const [left, top] = api.coord([api.value(0), api.value(2)]);
    const [right, bottom] = api.coord([api.value(1), 0]);
    return { type: "rect", shape: { x: left, y: top, width: Math.max(right - left - 1, 1), height: bottom - top }, style: { fill: colour } };
  };

  /** @param {ReturnType<typeof histogram>} drawn @param {string} by */
  function option(drawn, by) {
    const { accent, text, mark } = auvsegPlots.ink();
    const axis = auvsegPlots.axis();
    return {
      animation: false,
      grid: { left: 48, right: 20, top: 34, bottom: 44 },
      xAxis: { type: "value", min: drawn.low, max: drawn.end, name: `${by}: more suspicious to the right`, nameLocation: "middle", nameGap: 26, ...axis, axisLabel: { ...axis.axisLabel, formatter: numberInWords } },
      yAxis: { type: "value", name: "cases", nameLocation: "middle", nameGap: 32, minInterval: 1, ...axis },
      series: [{
        id: "cases",
        type: "custom",
        data: drawn.counts.map((count, bin) => [drawn.low + bin * drawn.step, drawn.low + (bin + 1) * drawn.step, count]),
        encode: { x: [0, 1], y: 2 },
        renderItem: bar(accent),
        markLine: { symbol: ["none", "none"], silent: true, data: [], lineStyle: { color: mark, width: 3, type: "solid" }, label: { color: text, formatter: "◂ keep · go ▸", fontWeight: "bold" } },
        markArea: { silent: true, data: [], itemStyle: { color: mark, opacity: 0.16 } },
      }],
    };
  }

  /**
   * The cut follows the pointer while it is held down.
   * @param {any} made
   * @param {(value: number) => void} onValue
   */
  function drag(made, onValue) {
    let held = false;
    const move = (/** @type {any} */ event) => {
      if (held) onValue(made.convertFromPixel({ gridIndex: 0 }, [event.offsetX, event.offsetY])[0]);
    };
    made.getZr().on("mousedown", (/** @type {any} */ event) => {
      held = true;
      move(event);
    });
    made.getZr().on("mousemove", (/** @type {any} */ event) => {
      made.getZr().setCursorStyle("col-resize");
      move(event);
    });
    addEventListener("pointerup", () => (held = false));
  }

  return {
    /**
     * @param {HTMLElement} home
     * @param {(share: number) => void} onCut told which share of the cases was asked to be kept
     * @returns {(share: number) => {threshold: number, removed: number[]}} moves the line
     */
    begin(home, onCut) {
      const { data } = auvseg;
      const training = data.cases.suspicion.map((one, index) => (data.cases.subset[index] === "training" ? one : null));
      const ordered = Float64Array.from(/** @type {number[]} */ (training.filter((one) => one !== null))).sort();
      if (!ordered.length) return () => ({ threshold: NaN, removed: [] });
      const values = Array.from(ordered);
      const drawn = histogram(values);
      /** @type {any} */
      let made;
      let threshold = NaN;
      const line = () => made?.setOption({ series: [{ id: "cases", markLine: { data: [{ xAxis: threshold }] }, markArea: { data: [[{ xAxis: threshold }, { xAxis: drawn.end }]] } }] });
      const draw = () => {
        made = auvsegPlots.chart(home, `how suspicious the cases are by ${data.by}, and the filter's cut`);
        made.setOption(option(drawn, data.by));
        drag(made, (value) => onCut(Math.max(values.filter((one) => one <= value).length, 1) / values.length));
        if (!Number.isNaN(threshold)) line();
      };
      auvsegPlots.whenSeen(home, draw);
      auvseg.on("colours", () => made && draw());
      return (share) => {
        threshold = inverseCdf(values, share);
        line();
        return { threshold, removed: training.flatMap((one, index) => (one !== null && one > threshold ? [index] : [])) };
      };
    },
  };
})();
