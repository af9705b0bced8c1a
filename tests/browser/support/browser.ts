import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll } from "vitest";

import { installedPackage } from "../../../scripts/local/paths.ts";
import { findProgram } from "../../support/needs.ts";
import { stack } from "../../support/stack.ts";

/** Options that keep a test's browser from using the network and from needing rights. */
const FLAGS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  // A microphone that beeps, which no page has to ask for.
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** A page on a separate origin, with supabase-js loaded as a script and a client of the suite's stack in `client`. */
export interface AppPage {
  page: Page;
  /** The requests that the browser refused or could not fetch, in its own words. */
  problems: string[];
}

/** A real Chromium and a web server on another origin than the stack's; both end with the test file. */
export async function openBrowser(): Promise<{ newAppPage(): Promise<AppPage> }> {
  const browser = await launch();
  const script = await Deno.readTextFile(
    join(installedPackage("@supabase/supabase-js"), "dist", "umd", "supabase.js"),
  );
  const settings = JSON.stringify({ url: stack.url, key: stack.publishableKey }).replaceAll("<", "\\u003c");
  const html = `<!doctype html><meta charset="utf-8"><title>An app</title><script src="/supabase.js"></script>
    <script>const { url, key } = ${settings}; globalThis.client = supabase.createClient(url, key);</script>`;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const isScript = new URL(request.url).pathname === "/supabase.js";
    const headers = { "content-type": isScript ? "text/javascript" : "text/html" };
    return new Response(isScript ? script : html, { headers });
  });
  afterAll(async () => {
    await browser.close();
    await server.shutdown();
  });
  return {
    async newAppPage() {
      const context = await browser.newContext();
      const page = await context.newPage();
      const problems: string[] = [];
      page.on("requestfailed", (request) => {
        const { errorText } = request.failure()!;
        // That is what the browser calls an answer whose body the page leaves unread.
        if (errorText !== "net::ERR_ABORTED") {
          problems.push(`${request.method()} ${request.url()}: ${errorText}`);
        }
      });
      page.on("console", (message) => {
        if (/CORS|preflight/i.test(message.text())) problems.push(message.text());
      });
      page.on("pageerror", (error) => problems.push(String(error)));
      await page.goto(`http://localhost:${server.addr.port}/`);
      return { page, problems };
    },
  };
}

/** The machine's own Chromium; the caller closes it. */
export async function launch(): Promise<Browser> {
  const executablePath = findProgram("chromium");
  if (!executablePath) throw new Error("chromium is not installed; on Debian: apt-get install chromium");
  const args = Deno.uid() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS;
  // The test runner ends its workers by signals, which playwright would keep for itself.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
  return await chromium.launch({ executablePath, args, ...signals });
}
