import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bareJpeg } from "../../../supabase/functions/_shared/pictures/jpeg.ts";
import { DamagedPicture } from "../../../supabase/functions/_shared/pictures/parts.ts";
import { barePng } from "../../../supabase/functions/_shared/pictures/png.ts";
import { bareWebp } from "../../../supabase/functions/_shared/pictures/webp.ts";
import { needing } from "../../support/needs.ts";
import {
  chunk,
  type Format,
  FORMATS,
  ofCamera,
  plain,
  riffChunk,
  SECRET,
  segment,
  webpOf,
} from "../../support/pictures.ts";

const BARE = { jpeg: bareJpeg, png: barePng, webp: bareWebp };
const bare = (format: Format, bytes: Uint8Array) => Buffer.from(BARE[format](bytes));

/** The one Exif that may be left, with a turn of 6. */
const TURN = Buffer.from("4d4d002a000000080001011200030000000100060000" + "00000000", "hex");

function ffmpeg(bytes: Uint8Array, ...options: string[]): Buffer {
  return execFileSync("ffmpeg", [
    "-v",
    "error",
    ...options,
    "-i",
    "pipe:0",
    "-f",
    "rawvideo",
    "-pix_fmt",
    "rgba",
    "-",
  ], {
    input: bytes,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

describe.each(FORMATS)("a %s from a camera", (format) => {
  it.each([true, false])(
    "loses its place, texts, thumbnails and trailers, and keeps its turn (little endian: %s)",
    (isLittle) => {
      const given = ofCamera(format, 6, isLittle);
      expect(given.includes(SECRET)).toBe(true);
      const before = Buffer.from(given);
      const left = bare(format, given);
      expect(left.includes(SECRET)).toBe(false);
      expect(left.includes("GPS")).toBe(false);
      expect(left.includes("tIME")).toBe(false);
      expect(left.includes(TURN)).toBe(true);
      expect(given.equals(before)).toBe(true);
    },
  );

  it("that is not turned has no Exif left, and its colour profile", () => {
    const left = bare(format, ofCamera(format, 1));
    expect(left.toString("latin1")).not.toMatch(/exif/i);
    if (format !== "png") expect(left.includes("profile")).toBe(true);
  });

  it("is left as it is the second time", () => {
    const once = bare(format, ofCamera(format));
    expect(bare(format, once).equals(once)).toBe(true);
  });

  it.each([0, 1, 9, 65_535])("whose turn is none (%i) gets none", (orientation) => {
    expect(bare(format, ofCamera(format, orientation)).includes("MM\0*")).toBe(false);
  });

  it("that is cut off anywhere is refused, or passes without its secrets", () => {
    const whole = ofCamera(format);
    for (let length = 12; length < whole.length; length++) {
      try {
        expect(bare(format, whole.subarray(0, length)).includes(SECRET)).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(DamagedPicture);
      }
    }
  });

  it("with any bytes in other bytes' place is refused, or passes and is not longer", () => {
    const whole = ofCamera(format);
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(changes, (bytes) => {
        const changed = Buffer.from(whole);
        for (const [at, byte] of bytes) if (at >= 12) changed[at] = byte;
        try {
          expect(bare(format, changed).length).toBeLessThanOrEqual(changed.length);
        } catch (error) {
          if (!(error instanceof DamagedPicture)) throw error;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("pixels", await needing("ffmpeg"), () => {
  it.each(FORMATS)("of a %s stay as they were", (format) => {
    const given = ofCamera(format);
    const left = bare(format, given);
    const pixels = ffmpeg(left, "-noautorotate");
    expect(pixels.length).toBe(16 * 8 * 4);
    expect(pixels.equals(ffmpeg(given, "-noautorotate"))).toBe(true);
  });

  it("are turned by a reader as they were", () => {
    const [upright, turned] = [1, 6].map((orientation) =>
      ffmpeg(bare("jpeg", ofCamera("jpeg", orientation)))
    );
    expect(turned!.equals(upright!)).toBe(false);
    expect(turned!.equals(ffmpeg(ofCamera("jpeg", 6)))).toBe(true);
  });
});

describe.each(FORMATS)("a plain %s", (format) => {
  it("keeps what draws it, byte by byte", () => {
    const given = plain(format);
    const left = bare(format, given);
    if (format !== "jpeg") return expect(left.equals(given)).toBe(true);
    // Behind the head stands the comment of the encoder.
    expect(left.equals(Buffer.concat([given.subarray(0, 20), given.subarray(38)]))).toBe(true);
  });
});

describe("a hostile picture", () => {
  const head = plain("jpeg").subarray(0, 2);
  const signature = plain("png").subarray(0, 8);

  it.each<[string, Format, Buffer]>([
    [
      "a segment longer than the file",
      "jpeg",
      Buffer.concat([head, Buffer.from([0xff, 0xe1, 0xff, 0xff, 1])]),
    ],
    ["a segment of length 0", "jpeg", Buffer.concat([head, Buffer.from([0xff, 0xe1, 0, 0]), plain("jpeg")])],
    ["a segment of length 1", "jpeg", Buffer.concat([head, Buffer.from([0xff, 0xe1, 0, 1]), plain("jpeg")])],
    ["a segment without a length", "jpeg", Buffer.concat([head, Buffer.from([0xff, 0xe1, 0])])],
    [
      "a chunk longer than the file",
      "png",
      Buffer.concat([signature, Buffer.from("ffffffff49444154", "hex")]),
    ],
    ["half a chunk's head", "png", Buffer.concat([signature, Buffer.from([0, 0])])],
    ["a file longer than the file", "webp", Buffer.from("RIFF\xff\xff\xff\xffWEBPVP8 ", "latin1")],
    ["a chunk longer than the file", "webp", webpOf(Buffer.from("VP8 \xff\xff\xff\xff1234", "latin1"))],
    ["half a chunk's head", "webp", webpOf(Buffer.from("VP8"))],
    ["no size", "webp", Buffer.from("RIFF1")],
    ["an extended head of no length", "webp", webpOf(riffChunk("VP8X", Buffer.alloc(0)))],
  ])("with %s is refused: %s", (_what, format, bytes) => {
    expect(() => BARE[format](bytes)).toThrow(DamagedPicture);
  });

  it("with as many parts as 2 MB hold is worked off, which would take minutes if each part made the next one slower", () => {
    const file = (part: Buffer, count: number) => Buffer.concat(Array<Buffer>(count).fill(part));
    const parts: [Format, Buffer, Buffer, Buffer][] = [
      ["jpeg", head, segment(0xfe, Buffer.alloc(0)), plain("jpeg").subarray(2)],
      [
        "jpeg",
        head,
        Buffer.concat([segment(0xfe, Buffer.alloc(0)), segment(0xdd, Buffer.alloc(2))]),
        plain("jpeg").subarray(2),
      ],
      ["jpeg", head, segment(0xda, Buffer.alloc(0)), plain("jpeg").subarray(2)],
      ["jpeg", head, Buffer.from([0xff, 0xd0]), plain("jpeg").subarray(2)],
      ["png", signature, chunk("tEXt", Buffer.alloc(0)), plain("png").subarray(8)],
      ["png", signature, chunk("IDAT", Buffer.alloc(0)), plain("png").subarray(8)],
      ["png", signature, chunk("eXIf", Buffer.alloc(0)), plain("png").subarray(8)],
    ];
    for (const [format, before, part, after] of parts) {
      const given = Buffer.concat([before, file(part, Math.floor(2_000_000 / part.length)), after]);
      const left = bare(format, given);
      expect(left.subarray(-16).equals(given.subarray(-16))).toBe(true);
    }
    const chunks = riffChunk("XMP ", Buffer.alloc(0));
    const left = bare("webp", webpOf(plain("webp").subarray(12), file(chunks, 250_000)));
    expect(left.equals(plain("webp"))).toBe(true);
  });

  it("with directories that point anywhere has no turn", () => {
    const exif = (hex: string) =>
      Buffer.concat([
        head,
        segment(0xe1, Buffer.concat([Buffer.from("Exif\0\0"), Buffer.from(hex, "hex")])),
        plain("jpeg").subarray(2),
      ]);
    for (
      const hex of [
        "",
        "4d4d",
        "4d4d002affffffff",
        "4d4d002a00000008ffff0112",
        "4d4d002a00000000",
        "00".repeat(40),
      ]
    ) {
      expect(bare("jpeg", exif(hex)).equals(bare("jpeg", plain("jpeg")))).toBe(true);
    }
  });
});
