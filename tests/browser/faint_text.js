// Which text of a page is too faint: WCAG 2.2 asks for a contrast of 4.5, of 3 where text is large. The body of a function;
// what is disabled or not displayed does not count.
const probe = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });

function channels(colour) {
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}

const over = (top, below) => below.map((one, at) => top[at] * top[3] + one * (1 - top[3]));

function luminance(rgb) {
  const linear = rgb.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function* upwards(element) {
  for (let at = element; at; at = at.parentElement) yield at;
}

function behind(element) {
  const layers = [...upwards(element)].map((at) => channels(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
}

function contrast(element) {
  const ink = channels(getComputedStyle(element).color);
  for (const at of upwards(element)) ink[3] *= Number(getComputedStyle(at).opacity);
  const below = behind(element);
  const [light, dark] = [luminance(over(ink, below)), luminance(below)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function needed(element) {
  const { fontSize, fontWeight } = getComputedStyle(element);
  const size = parseFloat(fontSize);
  return size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700) ? 3 : 4.5;
}

const ownText = (element) => [...element.childNodes].filter((one) => one.nodeType === 3).map((one) => one.textContent.trim()).join(" ").trim();
const shown = [...document.querySelectorAll("body *")].filter((one) => ownText(one) && one.checkVisibility() && !one.closest(":disabled, script, style"));
const faint = shown.filter((one) => contrast(one) < needed(one));
return [...new Set(faint.map((one) => `${one.tagName}.${one.className} "${ownText(one).slice(0, 20)}" ${contrast(one).toFixed(2)}`))];
