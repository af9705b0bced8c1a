import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { needing } from "../support/needs.ts";
import { launch } from "./support/browser.ts";
import findUnreadable from "./support/unreadable.js";

// The pictures of the docs, drawn by a real browser: as a reader sees them, not as their source claims.

const FOLDER = join(projectFolder, "docs", "images");
const PICTURES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) =>
  name.endsWith(".svg")
);
/** How wide GitHub shows a picture in a README, in CSS pixels. */
const SHOWN_WIDTH_PX = 830;
/** What WCAG 2 asks of normal text. */
const MIN_CONTRAST = 4.5;

let browser: Browser;

/** The picture as a document. */
async function open(text: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`);
  return page;
}

/** The texts of a picture that a reader could not read, and XML errors if it is not well-formed. */
function unreadable(page: Page): Promise<string[]> {
  const bounds = { shownWidth: SHOWN_WIDTH_PX, leastContrast: MIN_CONTRAST };
  return page.evaluate(`(${findUnreadable})(${JSON.stringify(bounds)})`);
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

  it.each(PICTURES)(
    "%s fills the width of a page, and has a title and a description for screen readers",
    async (name) => {
      const page = await browser.newPage();
      await page.goto(pathToFileURL(join(FOLDER, name)).href);
      expect(await page.evaluate("document.documentElement.width.baseVal.value")).toBeGreaterThan(
        SHOWN_WIDTH_PX,
      );
      expect(await page.locator("title").textContent()).toMatch(/\w{3}/);
      expect(await page.locator("desc").textContent()).toMatch(/\w{3}.*\.$/);
    },
  );

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
