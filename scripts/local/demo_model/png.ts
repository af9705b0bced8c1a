import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import { createRandom } from "./random.ts";

const CELLS = 8;
const COLORS = 4;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const SAME_AS_ABOVE = 2; // the PNG filter "up", which turns a repeated row into zeros

/** Draws a mirrored pattern of coloured squares: a real PNG that depends only on the seed and the size. */
export function demoPng(seedText: string, widthPixels: number, heightPixels: number): Uint8Array {
  const random = createRandom(seedText);
  const palette = Buffer.from(Array.from({ length: COLORS * 3 }, () => random.integer(40, 230)));
  const half = Array.from(
    { length: CELLS },
    () => Array.from({ length: CELLS / 2 }, () => random.integer(0, 3)),
  );
  const cells = half.map((row) => [...row, ...row.toReversed()]);

  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPixels, 0);
  header.writeUInt32BE(heightPixels, 4);
  header.set([8, 3, 0, 0, 0], 8); // 8 bits per pixel, colours from a palette
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", palette),
    chunk("IDAT", deflateSync(rowsOf(cells, widthPixels, heightPixels), { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Each row is written as its difference from the row above, so that only the first row of a band has content. */
function rowsOf(cells: number[][], widthPixels: number, heightPixels: number): Buffer {
  const rowBytes = widthPixels + 1;
  const rows = Buffer.alloc(rowBytes * heightPixels);
  let above: number[] | undefined;
  for (let y = 0; y < heightPixels; y++) {
    const row = cells[Math.floor((y * CELLS) / heightPixels)]!;
    const start = y * rowBytes;
    rows[start] = SAME_AS_ABOVE;
    if (row === above) continue;
    for (let x = 0; x < widthPixels; x++) {
      const column = Math.floor((x * CELLS) / widthPixels);
      rows[start + 1 + x] = (row[column]! - (above?.[column] ?? 0)) & 0xff;
    }
    above = row;
  }
  return rows;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(typed.length + 8);
  whole.writeUInt32BE(data.length, 0);
  whole.set(typed, 4);
  // Some runtimes return a signed number.
  whole.writeUInt32BE(crc32(typed) >>> 0, typed.length + 4);
  return whole;
}
