import { Buffer } from "node:buffer";

/** Pictures of 16 × 8 pixels as ffmpeg writes them. */
const PLAIN = {
  jpeg:
    "/9j/4AAQSkZJRgABAgAAAQABAAD//gAQTGF2YzU5LjM3LjEwMAD/2wBDAAg+Pkk+SVVVVVVVVWRdZGhoaGRkZGRoaGhwcHCDg4NwcHBoaHBwfHyDg4+Tj4eHg4eTk5ubm7q6srLZ2eD/////xABqAAEBAQAAAAAAAAAAAAAAAAAHAgYBAQEBAQAAAAAAAAAAAAAAAAUHAwYQAAEDBAMBAAAAAAAAAAAAAAIRAAEyMRMDUSFhQREAAQMCBgMBAQAAAAAAAAAAAQACERIDcVEzMSEEoWGB0RP/wAARCAAIABADARIAAhIAAxIA/9oADAMBAAIRAxEAPwDLxrLFHX3xpI0C1LN1jSQTzORywUgGokXuoaQ4xw2B7qJPiEF291GQY2xK2Vb8M/Ksn19u1caJIgYj9VnOmk7Qr/pHM00/N1r1Nl//2Q==",
  png:
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAICAIAAAB/FOjAAAAACXBIWXMAAAABAAAAAQBPJcTWAAAAUElEQVR4nN2LwRFAUBQDtxM6oRM6oRM6oRM62T/vzf9OLq4yOSSZLKSs1hbNUldySPEA7fMO2JBfAJFmPLlkkS76iHvcNxnsccU7+iHTZ6AAO/m5R6QA1OAAAAAASUVORK5CYII=",
  webp:
    "UklGRsQAAABXRUJQVlA4ILgAAAAQBACdASoQAAgAAgA0JbACdHMBfYKoA6ADKGv1V9Gl3gFw45ozwBdlgAD++WezkJClJ4H/L8Un6X/3/XH+Q+DPxiHf8c4jMk8GxPEpMPCqjsTvGtqXUXx/9HBuPQ09ZhKCb+rF3Xz/1FTiM7OuT8z6j+kf89q3/xW69l3+P799/6Tra/Ftc983//Pf7Ey75pONPy5hmSFkgj+2zsCOWaetcq7ipR//BAON7+2+P10/m+u+/OkkAAAA",
};

export type Format = keyof typeof PLAIN;

export const FORMATS = Object.keys(PLAIN) as Format[];

export const plain = (format: Format): Buffer => Buffer.from(PLAIN[format], "base64");

export const pictureUrl = (format: Format, bytes: Uint8Array): string =>
  `data:image/${format};base64,${Buffer.from(bytes).toString("base64")}`;

/** Stands in every part of `ofCamera` that a provider must not see. */
export const SECRET = "N48-51-29.6 E2-17-40.2";

const latin = (text: string) => Buffer.from(text, "latin1");
const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
const u32le = (value: number) => u32(value).reverse();

/** A picture as a phone writes it: Exif with a turn, a camera, a place, maker notes and a thumbnail, XMP, IPTC, comments. */
export function ofCamera(format: Format, orientation = 6, littleEndian = true): Buffer {
  const exif = cameraExif(orientation, littleEndian);
  return { jpeg: cameraJpeg, png: cameraPng, webp: cameraWebp }[format](exif);
}

/** TIFF with two directories and one for the place; every text of it is the secret. */
function cameraExif(orientation: number, isLittle: boolean): Buffer {
  const short = (value: number) => isLittle ? u16(value).reverse() : u16(value);
  const long = (value: number) => isLittle ? u32le(value) : u32(value);
  const entry = (tag: number, type: number, count: number, value: Buffer) =>
    Buffer.concat([short(tag), short(type), long(count), value, Buffer.alloc(4 - value.length)]);
  const text = latin(`${SECRET}\0`);
  const [first, gps, thumbnail] = [8, 8 + 2 + 4 * 12 + 4, 8 + 2 + 4 * 12 + 4 + 2 + 12 + 4];
  const texts = thumbnail + 2 + 2 * 12 + 4;
  return Buffer.concat([
    latin(isLittle ? "II*\0" : "MM\0*"),
    long(first),
    short(4),
    entry(0x010f, 2, text.length, long(texts)),
    entry(0x0112, 3, 1, short(orientation)),
    entry(0x8825, 4, 1, long(gps)),
    entry(0x927c, 7, text.length, long(texts)),
    long(thumbnail),
    short(1),
    entry(0x001b, 7, text.length, long(texts)),
    long(0),
    short(2),
    entry(0x0201, 4, 1, long(texts)),
    entry(0x0202, 4, 1, long(text.length)),
    long(0),
    text,
  ]);
}

const XMP = latin(`<x:xmpmeta exif:GPSLatitude="${SECRET}"/>`);

export function segment(marker: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xff, marker]), u16(content.length + 2), content]);
}

function cameraJpeg(exif: Buffer): Buffer {
  const picture = plain("jpeg");
  return Buffer.concat([
    picture.subarray(0, 2),
    segment(
      0xe0,
      Buffer.concat([latin("JFIF\0\x01\x02\0\0\x01\0\x01\x03\x03"), latin(SECRET), Buffer.alloc(5)]),
    ),
    segment(0xe1, Buffer.concat([latin("Exif\0\0"), exif])),
    segment(0xe1, Buffer.concat([latin("http://ns.adobe.com/xap/1.0/\0"), XMP])),
    segment(0xe2, latin("ICC_PROFILE\0\x01\x01profile")),
    segment(0xe2, latin(`MPF\0${SECRET}`)),
    segment(0xed, latin(`Photoshop 3.0\x008BIM\x04\x04${SECRET}`)),
    segment(0xee, latin(`Adobe\0d\0\0\0\0\x01${SECRET}`)),
    segment(0xf0, latin(SECRET)),
    segment(0xfe, latin(SECRET)),
    Buffer.from([0xff, 0xff, 0xff]),
    picture.subarray(3),
    latin(`ftypmp42${SECRET}`),
  ]);
}

export function chunk(name: string, content: Buffer): Buffer {
  const named = Buffer.concat([latin(name), content]);
  return Buffer.concat([u32(content.length), named, u32(crc32(named))]);
}

/** A PNG by its parts, in whose pixels' place a text stands; in base64 it reads as the text alone does. */
export function pngWith(text: string): Buffer {
  return Buffer.concat([plain("png").subarray(0, 8), chunk("IDAT", latin(`\0\0${text}`))]);
}

/** The checksum of PNG; not the product's own, which is tested with it. */
function crc32(bytes: Uint8Array): number {
  const table = Array.from({ length: 256 }, (_, at) => {
    for (let bit = 0; bit < 8; bit++) at = at & 1 ? 0xedb88320 ^ (at >>> 1) : at >>> 1;
    return at >>> 0;
  });
  return (bytes.reduce((crc, byte) => table[(crc ^ byte) & 255]! ^ (crc >>> 8), 0xffffffff) ^ 0xffffffff) >>>
    0;
}

function cameraPng(exif: Buffer): Buffer {
  const picture = plain("png");
  return Buffer.concat([
    picture.subarray(0, 33),
    chunk("eXIf", exif),
    chunk("tEXt", latin(`Comment\0${SECRET}`)),
    chunk("zTXt", latin(`Raw profile type exif\0\0${SECRET}`)),
    chunk("iTXt", Buffer.concat([latin("XML:com.adobe.xmp\0\0\0\0\0"), XMP])),
    chunk("tIME", Buffer.from([7, 234, 11, 29, 12, 30, 0])),
    chunk("prIv", latin(SECRET)),
    chunk("PriV", latin(SECRET)),
    picture.subarray(33),
    latin(SECRET),
  ]);
}

export function riffChunk(name: string, content: Buffer): Buffer {
  return Buffer.concat([latin(name), u32le(content.length), content, Buffer.alloc(content.length % 2)]);
}

export function webpOf(...chunks: Buffer[]): Buffer {
  const content = Buffer.concat([latin("WEBP"), ...chunks]);
  return Buffer.concat([latin("RIFF"), u32le(content.length), content]);
}

function cameraWebp(exif: Buffer): Buffer {
  return Buffer.concat([
    webpOf(
      riffChunk("VP8X", Buffer.from([0x2c, 0, 0, 0, 15, 0, 0, 7, 0, 0])),
      riffChunk("ICCP", latin("profile")),
      plain("webp").subarray(12),
      riffChunk("EXIF", exif),
      riffChunk("XMP ", XMP),
      riffChunk("PRIV", latin(SECRET)),
    ),
    latin(SECRET),
  ]);
}
