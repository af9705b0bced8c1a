import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { needing } from "../support/needs.ts";
import { launch } from "./support/browser.ts";

// The pictures of the docs, drawn by a real browser: as a reader sees them, not as their source claims.

const FOLDER = join(projectFolder, "docs", "images");
const PICTURES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) =>
  name.endsWith(".svg")
);
/** How wide GitHub shows a picture in a README, in CSS pixels. */
const SHOWN_WIDTH_PX = 830;
/** What WCAG 2 asks of normal text. */
const LEAST_CONTRAST = 4.5;

let browser: Browser;

/** The picture as a document; with what is wrong in it, where it is not well-formed. */
async function open(text: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`);
  return page;
}

/** What a reader could not read: texts out of their box or over another, too small, or too pale. */
function unreadable(page: Page): Promise<string[]> {
  return page.evaluate(({ shownWidth, leastContrast }) => {
    const svg = document.documentElement as unknown as SVGSVGElement;
    if (document.querySelector("parsererror") || svg.tagName !== "svg") {
      return [document.documentElement.textContent ?? ""];
    }
    const scale = shownWidth / svg.viewBox.baseVal.width;
    const luminance = (color: string) => {
      const [red, green, blue] = color.match(/[\d.]+/g)!.map(Number).map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
    };
    const contrast = (one: string, other: string) => {
      const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (light! + 0.05) / (dark! + 0.05);
    };
    const contains = (outer: DOMRect, inner: DOMRect) =>
      inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top &&
      inner.bottom <= outer.bottom;
    const boxes = [...svg.querySelectorAll("rect")];
    const texts = [...svg.querySelectorAll("text")];
    const problems: string[] = [];
    for (const text of texts) {
      const words = text.textContent!;
      const place = text.getBoundingClientRect();
      const box = text.parentElement!.querySelector(":scope > rect") ?? svg.querySelector("rect")!;
      if (!contains(box.getBoundingClientRect(), place)) problems.push(`out of its box: ${words}`);
      const style = getComputedStyle(text);
      if (parseFloat(style.fontSize) * scale < 12) problems.push(`too small: ${words}`);
      const behind = boxes.filter((one) => contains(one.getBoundingClientRect(), place)).at(-1);
      const ground = getComputedStyle(behind ?? svg.querySelector("rect")!).fill;
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
  }, { shownWidth: SHOWN_WIDTH_PX, leastContrast: LEAST_CONTRAST });
}

describe("the pictures of the docs", await needing("chromium"), () => {
  beforeAll(async () => {
    browser = await launch();
    return () => browser.close();
  });

  it.each(PICTURES)("%s is well-formed, and every word of it can be read", async (name) => {
    const page = await open(await Deno.readTextFile(join(FOLDER, name)));
    expect(await unreadable(page)).toEqual([]);
  });

  it.each(PICTURES)("%s shows as an image, and says what it shows to whoever hears it", async (name) => {
    const page = await browser.newPage();
    await page.goto(pathToFileURL(join(FOLDER, name)).href);
    const { width, title, description } = await page.evaluate(() => ({
      width: (document.documentElement as unknown as SVGSVGElement).width.baseVal.value,
      title: document.querySelector("title")?.textContent,
      description: document.querySelector("desc")?.textContent,
    }));
    expect(width).toBeGreaterThan(SHOWN_WIDTH_PX);
    expect(title).toMatch(/\w{3}/);
    expect(description).toMatch(/\w{3}.*\.$/);
  });

  it.each([
    ["is not closed", "<text x='20' y='50'>Word", /error/],
    ["leaves its box", "<text x='380' y='50'>A word</text>", /^out of its box: A word$/],
    ["is too small", "<text x='20' y='50' style='font-size:4px'>A word</text>", /^too small: A word$/],
    ["is too pale", "<text x='20' y='50' fill='#ccc'>A word</text>", /^too pale: A word$/],
    [
      "stands on another",
      "<text x='20' y='50'>A word</text><text x='22' y='52'>A thing</text>",
      /^over each other: A word \/ A thing$/,
    ],
  ])("a text that %s is found", async (_what, text, problem) => {
    const page = await open(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100" width="400" height="100">
        <rect width="400" height="100" fill="#fff"/>${text}</svg>`,
    );
    expect((await unreadable(page)).join("\n")).toMatch(problem);
  });
});
