// @ts-check
"use strict";

/**
 * Singular spectrum of a structure against the cohort: share of the map's energy by direction.
 */

/** Shares below this are rounding. */
const SMALLEST_SHARE = 1e-9;

/** @param {ReadonlyArray<number|null>} shares */
function spectrumPoints(shares) {
  return shares.map((share, at) => [at + 1, share && share > SMALLEST_SHARE ? share : null]);
}

/**
 * The cohort's band as an area; a logarithmic axis has no bottom to fill from, so it is drawn as one shape.
 * @param {Band} band
 * @param {number} length
 * @param {string} colour
 */
function bandSeries(band, length, colour) {
  const known = band.low.slice(0, length).map((low, at) => [at + 1, Math.max(low ?? 0, SMALLEST_SHARE), Math.max(band.high[at] ?? 0, SMALLEST_SHARE)]);
  return {
    type: "custom",
    name: "cohort, 5 % to 95 %",
    data: [[1, known[0]?.[1] ?? 1]],
    silent: true,
    clip: true,
    itemStyle: { color: colour, opacity: 0.28 },
    renderItem: (/** @type {any} */ _, /** @type {any} */ api) => {
      const up = known.map(([at, , high]) => api.coord([at, high]));
      const down = known.map(([at, low]) => api.coord([at, low])).reverse();
      return { type: "polygon", shape: { points: [...up, ...down] }, style: { fill: colour, opacity: 0.28 } };
    },
  };
}

/**
 * @param {HTMLElement} home
 * @param {ReadonlyArray<number|null>} own
 * @param {Band|undefined} band
 * @param {string} colour
 * @returns {any} the chart
 */
function spectrumPlot(home, own, band, colour) {
  const { text, soft } = auvsegPlots.ink();
  const made = auvsegPlots.chart(home, "share of the energy by direction, this case against the cohort");
  const points = spectrumPoints(own);
  const shown = points.flatMap(([, share]) => (share === null ? [] : [share]));
  const axis = auvsegPlots.axis();
  const line = (/** @type {string} */ name, /** @type {any[]} */ data, /** @type {string} */ stroke, /** @type {object} */ style) => ({ name, type: "line", data, showSymbol: false, lineStyle: { color: stroke, ...style }, itemStyle: { color: stroke } });
  made.setOption({
    animation: false,
    grid: { left: 62, right: 14, top: 34, bottom: 40 },
    legend: { top: 0, textStyle: { color: text }, itemWidth: 18, icon: "roundRect" },
    tooltip: { trigger: "axis", ...auvsegPlots.tooltip(), renderMode: "richText", valueFormatter: numberInWords },
    xAxis: { type: "value", min: 1, max: Math.max(own.length, 2), minInterval: 1, name: "direction", nameLocation: "middle", nameGap: 24, ...axis },
    yAxis: { type: "log", min: Math.max(10 ** Math.floor(Math.log10(Math.min(...shown, 0.1))), SMALLEST_SHARE), max: 1, name: "share of the energy", nameLocation: "middle", nameGap: 48, ...axis, axisLabel: { ...axis.axisLabel, formatter: (/** @type {number} */ value) => (value < 0.001 ? `10${superscript(Math.round(Math.log10(value)))}` : String(value)) } },
    series: [
      ...(band ? [bandSeries(band, own.length, soft), line("cohort's median", spectrumPoints(band.middle.slice(0, own.length)), soft, { width: 1.5, type: "dashed" })] : []),
      line("this case", points, colour, { width: 3 }),
    ],
  });
  return made;
}

/** @param {number} exponent */
function superscript(exponent) {
  return [...String(exponent)].map((one) => (one === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(one)])).join("");
}
