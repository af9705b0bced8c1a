import { Buffer } from "node:buffer";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { download } from "../../../supabase/functions/_shared/http/download.ts";
import { Picture } from "../../../supabase/functions/_shared/media/inputs.ts";
import { bareJpeg } from "../../../supabase/functions/_shared/pictures/jpeg.ts";
import { withPictures } from "../../../supabase/functions/_shared/media/pictures.ts";
import { ofCamera, pictureUrl, plain, SECRET } from "../../support/pictures.ts";

vi.mock("../../../supabase/functions/_shared/http/download.ts", { spy: true });

const PNG = plain("png");
/** Without the comment that ffmpeg writes. */
const JPEG = bareJpeg(plain("jpeg"));
const dataUrl = pictureUrl;

/** What the web has, by address. */
let web: Record<string, () => Promise<Uint8Array<ArrayBuffer>>>;

beforeEach(() => {
  web = {
    "https://a.example/png": () => Promise.resolve(new Uint8Array(PNG)),
    "https://a.example/jpeg.png": () => Promise.resolve(JPEG),
    "https://a.example/html": () => Promise.resolve(new Uint8Array(Buffer.from("<html>"))),
    "https://a.example/inside": () => Promise.reject(new Error("10.0.0.7 is not on the public internet")),
  };
  vi.mocked(download).mockReset().mockImplementation(async (address, { take }) => {
    const bytes = await web[address]!();
    take(bytes.length);
    return bytes;
  });
});

const identity = <Value>(value: Value) => Promise.resolve(value);

describe("withPictures", () => {
  it("puts a data URL in each picture's place, with the type of its bytes, and leaves the input as it was", async () => {
    const input = {
      photos: [new Picture("https://a.example/png"), new Picture(dataUrl("png", PNG))],
      meal: { photo: new Picture("https://a.example/jpeg.png"), name: "https://a.example/png" },
      none: null,
      when: new Date(0),
    };
    const before = JSON.stringify(input);
    const complete = await withPictures(input, "token", identity);
    expect(complete).toEqual({
      photos: [new Picture(dataUrl("png", PNG)), new Picture(dataUrl("png", PNG))],
      meal: { photo: new Picture(dataUrl("jpeg", JPEG)), name: "https://a.example/png" },
      none: null,
      when: new Date(0),
    });
    expect(JSON.stringify(input)).toBe(before);
  });

  it("fetches nothing where all is there", async () => {
    const input = { photo: new Picture(dataUrl("png", PNG)) };
    expect(await withPictures(input, "token", identity)).toEqual(input);
    expect(download).not.toHaveBeenCalled();
  });

  it("gives no picture's place away, wherever the picture comes from", async () => {
    web["https://a.example/camera"] = () => Promise.resolve(new Uint8Array(ofCamera("webp")));
    const input = [
      new Picture(pictureUrl("jpeg", ofCamera("jpeg"))),
      new Picture(pictureUrl("png", ofCamera("png"))),
      new Picture("https://a.example/camera"),
    ];
    for (const { url } of await withPictures(input, "token", identity)) {
      expect(Buffer.from(url.split(",")[1]!, "base64").includes(SECRET)).toBe(false);
    }
  });

  it("names the field of a damaged picture, in the body too", async () => {
    web["https://a.example/damaged"] = () => Promise.resolve(new Uint8Array(PNG.subarray(0, -4)));
    for (const address of ["https://a.example/damaged", pictureUrl("png", PNG.subarray(0, -4))]) {
      const input = { photos: [new Picture("https://a.example/png"), new Picture(address)] };
      await expect(withPictures(input, "token", identity)).rejects.toMatchObject({
        code: "invalid_request",
        message: "photos.1: The picture is damaged: a chunk is longer than the file",
      });
    }
  });

  it.each([
    ["https://a.example/html", "The file is not a JPEG, PNG or WebP picture"],
    [
      "https://a.example/inside",
      "The picture could not be fetched: the address must be public and answer within 5 s",
    ],
  ])("names the field of a picture that cannot be had, and not why: %s", async (address, message) => {
    const input = { photos: [new Picture("https://a.example/png"), new Picture(address)] };
    await expect(withPictures(input, "token", identity)).rejects.toMatchObject({
      code: "invalid_request",
      message: `photos.1: ${message}`,
      details: [{ path: "photos.1", code: "custom", message }],
    });
  });

  it("ends the other downloads when one fails", async () => {
    let signal: AbortSignal | undefined;
    vi.mocked(download).mockImplementation((address, options) => {
      signal = options.signal;
      return address.endsWith("slow") ? new Promise(() => {}) : Promise.reject(new Error("gone"));
    });
    const input = [new Picture("https://a.example/slow"), new Picture("https://a.example/gone")];
    await expect(withPictures(input, "token", identity)).rejects.toThrow(/could not be fetched/);
    expect(signal!.aborted).toBe(true);
  });
});
