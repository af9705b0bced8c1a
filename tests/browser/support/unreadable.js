/**
 * Runs in the page of a picture: what a reader could not read, which is texts out of their box or over another, too small,
 * or too pale.
 */
export default ({ shownWidth, leastContrast }) => {
  const svg = document.documentElement;
  if (document.querySelector("parsererror") || svg.tagName !== "svg") {
    return [document.documentElement.textContent ?? ""];
  }
  const scale = shownWidth / svg.viewBox.baseVal.width;
  const luminance = (color) => {
    const [red, green, blue] = color.match(/[\d.]+/g).map(Number).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const contains = (outer, inner) =>
    inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top &&
    inner.bottom <= outer.bottom;
  const boxes = [...svg.querySelectorAll("rect")];
  const texts = [...svg.querySelectorAll("text")];
  const problems = [];
  for (const text of texts) {
    const words = text.textContent;
    const place = text.getBoundingClientRect();
    const box = text.parentElement.querySelector(":scope > rect") ?? svg.querySelector("rect");
    if (!contains(box.getBoundingClientRect(), place)) problems.push(`out of its box: ${words}`);
    const style = getComputedStyle(text);
    if (parseFloat(style.fontSize) * scale < 12) problems.push(`too small: ${words}`);
    const behind = boxes.filter((one) => contains(one.getBoundingClientRect(), place)).at(-1);
    const ground = getComputedStyle(behind ?? svg.querySelector("rect")).fill;
    for (const part of [text, ...text.querySelectorAll("tspan")]) {
      if (contrast(getComputedStyle(part).fill, ground) < leastContrast) {
        problems.push(`too pale: ${words}`);
      }
    }
    for (const other of texts.slice(texts.indexOf(text) + 1)) {
      const its = other.getBoundingClientRect();
      const across = Math.min(place.right, its.right) - Math.max(place.left, its.left);
      const down = Math.min(place.bottom, its.bottom) - Math.max(place.top, its.top);
      // Lines of one paragraph may touch by the height that letters do not use.
      if (across > 0 && down > 4) problems.push(`over each other: ${words} / ${other.textContent}`);
    }
  }
  return problems;
};
