/** Bytes that nothing else is likely to have in this order, and by which decoders know what they have. */
const MARKS: ReadonlySet<number> = new Set([
  ...[0x7ffe8001, 0xfe7f0180, 0x1fffe800, 0xff1f00e8], // DTS, in words of 16 and 14 bits, both ways round
  ...[0xf8726fba, 0xf8726fbb], // Dolby TrueHD and MLP
  0x72f81f4e, // what is sent over S/PDIF
]);
const MARKED = new Uint8Array(256);
for (const mark of MARKS) MARKED[mark >>> 24] = 1;
for (const first of [0xff, 0x56, 0x0b, 0x77]) MARKED[first] = 1;

/** So many of them are no chance. */
const MIN_FRAMES = 3;

/**
 * Whether plain samples are frames of a codec. ffmpeg looks for them in samples of 16 bits and decodes what it finds, which
 * sounds many times as long as the samples would.
 */
export function isDisguised(view: DataView, from: number, to: number): boolean {
  let marks = 0;
  for (let at = from; at + 8 <= to; at++) {
    const first = view.getUint8(at);
    if (MARKED[first] === 0) continue;
    if (MARKS.has(view.getUint32(at)) && ++marks >= MIN_FRAMES) return true;
    if (FRAMES.some((frameBytes) => isRun(view, at, to, frameBytes))) return true;
  }
  return false;
}

/** How many bytes the frame has that begins here; 0 where none does. */
type FrameBytes = (view: DataView, at: number) => number;

function isRun(view: DataView, from: number, to: number, frameBytes: FrameBytes): boolean {
  let at = from;
  for (let frames = 0; frames < MIN_FRAMES; frames++) {
    const bytes = at + 8 <= to ? frameBytes(view, at) : 0;
    if (bytes === 0) return false;
    at += bytes;
  }
  return true;
}

const FRAMES: FrameBytes[] = [mpegBytes, adtsBytes, loasBytes, ac3Bytes, swappedAc3Bytes];

const MPEG_RATES = [11_025, 12_000, 8_000];
const MPEG1_KBITS = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];
const MPEG2_KBITS = [
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/** MPEG audio of any layer. ISO 11172-3, 2.4.2.3 */
function mpegBytes(view: DataView, at: number): number {
  const head = view.getUint32(at);
  const [version, layer] = [head >>> 19 & 3, 4 - (head >>> 17 & 3)];
  if (head >>> 21 !== 0x7ff || version === 1 || layer === 4) return 0;
  const kbits = (version === 3 ? MPEG1_KBITS : MPEG2_KBITS)[layer - 1]![head >>> 12 & 15];
  const rate = MPEG_RATES[head >>> 10 & 3];
  if (!kbits || rate === undefined) return 0;
  const bytesPerSample = kbits * 125 / (rate * [1, 0, 2, 4][version]!);
  const padding = head >>> 9 & 1;
  if (layer === 1) return (Math.floor(96 * bytesPerSample) + padding) * 4;
  return Math.floor((layer === 3 && version !== 3 ? 576 : 1_152) * bytesPerSample) + padding;
}

/** AAC as it is broadcast. ISO 14496-3, 1.A.2 */
function adtsBytes(view: DataView, at: number): number {
  if ((view.getUint16(at) & 0xfff6) !== 0xfff0) return 0;
  const bytes = view.getUint32(at + 2) >>> 5 & 0x1fff;
  return bytes >= 7 ? bytes : 0;
}

/** AAC in packets of LATM. ISO 14496-3, 1.7.2 */
function loasBytes(view: DataView, at: number): number {
  const head = view.getUint32(at);
  const bytes = head >>> 8 & 0x1fff;
  return head >>> 21 === 0x2b7 && bytes >= 7 ? bytes + 3 : 0;
}

const AC3_KBITS = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

function ac3Bytes(view: DataView, at: number): number {
  return dolbyBytes(view.getUint16(at), view.getUint16(at + 2), view.getUint16(at + 4));
}

/** With the bytes of each word the other way round. */
function swappedAc3Bytes(view: DataView, at: number): number {
  return dolbyBytes(view.getUint16(at, true), view.getUint16(at + 2, true), view.getUint16(at + 4, true));
}

/** AC-3 and Enhanced AC-3, by its first words. ETSI TS 102 366 */
function dolbyBytes(mark: number, second: number, third: number): number {
  if (mark !== 0x0b77) return 0;
  if ((third & 0xff) >> 3 > 10) return ((second & 0x7ff) + 1) * 2;
  const [rate, size] = [third >> 14, third >> 8 & 63];
  const kbits = AC3_KBITS[size >> 1];
  if (kbits === undefined || rate === 3) return 0;
  return rate === 1 ? (Math.floor(kbits * 960 / 441) + (size & 1)) * 2 : kbits * (rate === 0 ? 4 : 6);
}

const [ZEROS_AT, MARK_AT] = [44, 256];

/** Files of small recorders (ACT) begin as WAV does and have 8 kbit/s; ffmpeg tells them by this. */
export function isAct(view: DataView): boolean {
  if (view.byteLength <= MARK_AT || view.getUint8(MARK_AT) !== 0x84) return false;
  for (let at = ZEROS_AT; at < MARK_AT; at++) if (view.getUint8(at) !== 0) return false;
  return true;
}
