import { afterEach, describe, expect, it, vi } from "vitest";

import { inBackground } from "../../../supabase/functions/_shared/platform/background.ts";

afterEach(() => vi.unstubAllGlobals());

describe("work that goes on after an answer", () => {
  it("is given to the platform, which waits for it", () => {
    const waitUntil = vi.fn();
    vi.stubGlobal("EdgeRuntime", { waitUntil });
    const work = Promise.resolve();
    inBackground(work);
    expect(waitUntil.mock.calls).toEqual([[work]]);
  });

  it("goes on by itself where there is no such platform", async () => {
    vi.stubGlobal("EdgeRuntime", undefined);
    let isDone = false;
    inBackground(Promise.resolve().then(() => isDone = true));
    await vi.waitFor(() => expect(isDone).toBe(true));
  });
});
