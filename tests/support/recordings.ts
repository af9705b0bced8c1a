import { Buffer } from "node:buffer";

/** Silent recordings of each format, made by hand as the formats are written down. */

/** A WAV of one channel; `statedBytes` is what its header says of the samples, where that is not the truth. */
export function wav(
  seconds: number,
  { rate = 8_000, bits = 8, statedBytes }: { rate?: number; bits?: number; statedBytes?: number } = {},
): Uint8Array<ArrayBuffer> {
  const dataBytes = Math.round(seconds * rate) * bits / 8;
  const bytes = Buffer.alloc(44 + dataBytes, bits === 8 ? 128 : 0);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(36 + dataBytes, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * bits / 8, 28);
  bytes.writeUInt16LE(bits / 8, 32);
  bytes.writeUInt16LE(bits, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(statedBytes ?? dataBytes, 40);
  return new Uint8Array(bytes);
}

/** MP3 frames of 128 kbit/s at 44.1 kHz, 1,152 samples each; a Xing header in front says `statedFrames`. */
export function mp3(
  frames: number,
  { tagBytes = 0, statedFrames }: { tagBytes?: number; statedFrames?: number } = {},
) {
  const frame = Buffer.alloc(417);
  frame.writeUInt32BE(0xfffb9064);
  const tag = Buffer.alloc(10 + tagBytes);
  tag.write("ID3\x04");
  for (const [index, shift] of [21, 14, 7, 0].entries()) tag[6 + index] = tagBytes >> shift & 127;
  const xing = Buffer.from(frame);
  xing.write("Xing", 36);
  xing.writeUInt32BE(1, 40);
  xing.writeUInt32BE(statedFrames ?? frames, 44);
  return join([
    ...(tagBytes ? [tag] : []),
    ...(statedFrames === undefined ? [] : [xing]),
    ...Array(frames).fill(frame),
  ]);
}

/** Opus packets of 20 ms in Ogg pages of 50; `statedSeconds` is what the last page's position says. */
export function oggOpus(packets: number, { statedSeconds }: { statedSeconds?: number } = {}) {
  const packet = Buffer.alloc(40);
  packet[0] = 31 << 3; // CELT, 20 ms, one frame
  const pages = [oggPage([Buffer.from("OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0", "latin1")], 0, 2)];
  pages.push(oggPage([Buffer.from("OpusTags\0\0\0\0\0\0\0\0", "latin1")], 0));
  for (let left = packets; left > 0; left -= 50) {
    const done = (packets - left + Math.min(50, left)) * 960;
    pages.push(
      oggPage(
        Array(Math.min(50, left)).fill(packet),
        left > 50 ? done : (statedSeconds ?? packets / 50) * 48_000,
      ),
    );
  }
  return join(pages);
}

/** Vorbis of blocks of 256 and 2,048 samples, in pages of 50 packets; the last page's position states the length. */
export function oggVorbis(packets: number, { statedSeconds = packets * 1_024 / 44_100 } = {}) {
  const pages = [oggPage([VORBIS_HEAD], 0, 2)];
  for (let left = packets; left > 0; left -= 50) {
    const position = left > 50 ? 1 : Math.round(statedSeconds * 44_100);
    pages.push(oggPage(Array(Math.min(50, left)).fill(Buffer.alloc(40, 2)), position));
  }
  return join(pages);
}

const VORBIS_HEAD = Buffer.alloc(30);
VORBIS_HEAD.write("\x01vorbis", "latin1");
VORBIS_HEAD.writeUInt32LE(44_100, 12);
VORBIS_HEAD[28] = 0xb8;

function oggPage(packets: Buffer[], position: number, flags = 0): Buffer {
  const sizes = packets.flatMap(({ length }) => [...Array(Math.floor(length / 255)).fill(255), length % 255]);
  const head = Buffer.alloc(27);
  head.write("OggS");
  head[5] = flags;
  head.writeBigInt64LE(BigInt(position), 6);
  head.writeUInt32LE(7, 14);
  head[26] = sizes.length;
  return Buffer.concat([head, Buffer.from(sizes), ...packets]);
}

const AAC_PACKET_BYTES = 50;

/**
 * An M4A with a track of AAC in packets of 1,024 samples at 48 kHz, and its index behind the sound, as recorders write it;
 * `statedSamples` is what the index says of each. In fragments of 50 packets, as browsers write it, the index has none. An index may name the same sound `times` over.
 */
export function m4a(
  packets: number,
  { fragmented = false, statedSamples = 1_024, codec = "mp4a", times = 1 } = {},
) {
  const sound = Buffer.alloc(packets * AAC_PACKET_BYTES);
  const start = box("ftyp", Buffer.from("M4A \0\0\0\0M4A isom", "latin1"));
  const indexed = fragmented ? 0 : packets;
  const track = (id: number, handler: string, description: Buffer, count: number) =>
    box(
      "trak",
      box("tkhd", u32(0, 0, 0, id, 0, 0)),
      box(
        "mdia",
        box("mdhd", u32(0, 0, 0, 48_000, count * statedSamples, 0)),
        box("hdlr", u32(0, 0), Buffer.from(handler), u32(0, 0, 0)),
        box(
          "minf",
          box(
            "stbl",
            box("stsd", u32(0, 1), description),
            box("stts", u32(0, 1, count, statedSamples)),
            box("stsz", u32(0, AAC_PACKET_BYTES, count * times)),
            box("stsc", u32(0, 1, 1, count, 1)),
            box("stco", u32(0, times, ...Array(times).fill(start.length + 8))),
          ),
        ),
      ),
    );
  const movie = box(
    "moov",
    box("mvhd", u32(0, 0, 0, 1_000, 0)),
    track(1, "text", box("text"), 9_999),
    track(2, "soun", box(codec, Buffer.alloc(24), u32(48_000 << 16), AAC_DESCRIPTOR), indexed),
    ...fragmented ? [box("mvex", box("trex", u32(0, 2, 1, statedSamples, AAC_PACKET_BYTES, 0)))] : [],
  );
  if (!fragmented) return join([start, box("mdat", sound), movie]);
  const fragments = Array.from({ length: Math.ceil(packets / 50) }, (_, index) => {
    const count = Math.min(50, packets - index * 50);
    return Buffer.concat([
      box("moof", box("traf", box("tfhd", u32(0x020000, 2)), box("trun", u32(1, count, 60)))),
      box("mdat", sound.subarray(0, count * AAC_PACKET_BYTES)),
    ]);
  });
  return join([start, movie, ...fragments]);
}

/** AAC-LC at 48 kHz in one channel. */
const AAC_DESCRIPTOR = box(
  "esds",
  u32(0),
  Buffer.from([3, 22, 0, 0, 0, 4, 17, 0x40, 0x15, ...Array(11).fill(0), 5, 2, 0x11, 0x88]),
);

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, index * 4));
  return bytes;
}

function box(type: string, ...content: Buffer[]): Buffer {
  const head = Buffer.alloc(8);
  const size = content.reduce((sum, { length }) => sum + length, 8);
  head.writeUInt32BE(size);
  head.write(type, 4);
  return Buffer.concat([head, ...content]);
}

/** Packets of 60 ms as a browser records them: sizes unknown, no duration; `statedSeconds` adds one. */
export function webm(
  packets: number,
  { codec = "A_OPUS", statedSeconds }: { codec?: string; statedSeconds?: number } = {},
) {
  const config = codec === "A_VORBIS" ? Buffer.concat([Buffer.from([2, 30, 10]), VORBIS_HEAD]) : undefined;
  const unknown = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  const stated = Buffer.alloc(8);
  stated.writeDoubleBE((statedSeconds ?? 0) * 1_000);
  const blocks = Array.from({ length: packets }, (_, index) => {
    const isFirst = index % 100 === 0;
    const time = Buffer.alloc(2);
    time.writeInt16BE(index % 100 * 60);
    const packet = Buffer.alloc(40);
    packet[0] = 11 << 3; // SILK, 60 ms, one frame
    const block = element("a3", Buffer.concat([Buffer.from([0x81]), time, Buffer.from([0x80]), packet]));
    const clusterTime = Buffer.alloc(4);
    clusterTime.writeUInt32BE(index * 60);
    return isFirst
      ? Buffer.concat([
        Buffer.from("1f43b675", "hex"),
        Buffer.from(unknown),
        element("e7", clusterTime),
        block,
      ])
      : block;
  });
  return join([
    element("1a45dfa3", element("4282", Buffer.from("webm"))),
    Buffer.from("18538067", "hex"),
    Buffer.from(unknown),
    element(
      "1549a966",
      element("2ad7b1", Buffer.from([0x0f, 0x42, 0x40])),
      ...(statedSeconds ? [element("4489", stated)] : []),
    ),
    element(
      "1654ae6b",
      element(
        "ae",
        element("d7", Buffer.from([1])),
        element("83", Buffer.from([2])),
        element("86", Buffer.from(codec)),
        ...config ? [element("63a2", config)] : [],
      ),
    ),
    ...blocks,
  ]);
}

function element(id: string, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(0x10000000 + body.length);
  return Buffer.concat([Buffer.from(id, "hex"), size, body]);
}

function join(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}
