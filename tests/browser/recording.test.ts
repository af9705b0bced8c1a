import type { SupabaseClient } from "@supabase/supabase-js";
import { Buffer } from "node:buffer";
import { beforeAll, describe, expect, it } from "vitest";

import { Recording } from "../../supabase/functions/_shared/media/audio.ts";
import { heardSeconds } from "../support/ffmpeg.ts";
import { needing } from "../support/needs.ts";
import { grant } from "../support/stack.ts";
import { openBrowser } from "./support/browser.ts";

// What Chromium's MediaRecorder writes of a microphone, against what ffmpeg hears in it.

/** The page's own client; functions that run in the page see it as a global. */
declare const client: SupabaseClient;

/** What MediaRecorder may be asked for, and the time of each piece; not every Chromium can do all. */
/**
 * The formats that Debian's Chromium records; AAC is not among them and is made by ffmpeg in
 * tests/unit/ledger/recorded.test.ts.
 */
const KINDS: [type: string, how: string, timeslice_ms?: number][] = [
  ["audio/webm;codecs=opus", "whole"],
  ["audio/webm;codecs=opus", "in pieces", 300],
  ["audio/webm;codecs=pcm", "whole"],
  ["audio/mp4;codecs=opus", "whole"],
  ["audio/mp4;codecs=opus", "in pieces", 300],
];
const TOLERANCE_S = 0.12;

describe("a recording of Chromium's MediaRecorder", await needing("chromium", "ffmpeg"), () => {
  let browser: Awaited<ReturnType<typeof openBrowser>>;

  beforeAll(async () => {
    browser = await openBrowser();
  });

  /** Records a microphone in the page, in pieces or whole, and sends it to a feature. */
  async function recordAndSend(type: string, timeslice_ms: number | undefined) {
    const { page, problems } = await browser.newAppPage();
    const credentials = { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
    const id = await page.evaluate(async (credentials) => {
      const { data } = await client.auth.signUp(credentials);
      return data.user!.id;
    }, credentials);
    await grant(id, 100);
    const made = await page.evaluate(async ({ type, timeslice_ms }) => {
      // deno-lint-ignore no-explicit-any
      const { MediaRecorder, navigator } = globalThis as any;
      if (!MediaRecorder.isTypeSupported(type)) return undefined;
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const recorder = new MediaRecorder(stream, { mimeType: type });
      const pieces: Blob[] = [];
      // A second one of 200 ms each tells how long the first has recorded.
      const clock = new MediaRecorder(stream);
      const stopped = new Promise((resolve) => recorder.onstop = resolve);
      recorder.ondataavailable = ({ data }: { data: Blob }) => pieces.push(data);
      let ticks = 0;
      clock.ondataavailable = () => {
        if (++ticks === 12) recorder.stop();
      };
      recorder.start(timeslice_ms);
      clock.start(200);
      await stopped;
      clock.stop();
      const blob = new Blob(pieces, { type });
      const body = new FormData();
      body.append("file", blob, "recording");
      const { data, error } = await client.functions.invoke("audio-transcribe", { body });
      const bytes = new Uint8Array(await blob.arrayBuffer());
      const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
      return { base64: btoa(binary), data, refusal: await error?.context?.text?.() };
    }, { type, timeslice_ms });
    expect(problems).toEqual([]);
    await page.context().close();
    return made;
  }

  it.for(KINDS)(
    "is charged for its real length: %s, %s",
    async ([type, , timeslice_ms]) => {
      const made = await recordAndSend(type, timeslice_ms);
      if (made === undefined) throw new Error("This Chromium does not record it");
      const bytes = new Uint8Array(Buffer.from(made.base64, "base64"));
      const heard = await heardSeconds(bytes);
      expect(heard).toBeGreaterThan(1);
      const { duration_s, max_duration_s } = Recording.of(bytes).content;
      expect(Math.abs(duration_s! - heard), `${duration_s} s, heard are ${heard} s`).toBeLessThan(
        TOLERANCE_S,
      );
      expect(max_duration_s).toBeGreaterThanOrEqual(heard);
      expect(made.refusal).toBeUndefined();
      expect(made.data.data.duration_s).toBeCloseTo(duration_s!, 3);
      expect(made.data.usage.charged).toBe(1 + Math.ceil(Math.ceil(duration_s!) * 100 / 1_000));
    },
  );
});
