import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  audioType,
  Recording,
  RECORDING_BYTES,
  recordingFields,
} from "../../../supabase/functions/_shared/media/audio.ts";
import { m4a, mp3, oggOpus, oggVorbis, wav, webm } from "../../support/recordings.ts";

const { file: RecordingFile, storage_path: StoredRecording } = recordingFields();
const MP3_FRAME_S = 1_152 / 44_100;
const M4A_PACKET_S = 1_024 / 48_000;

function measured(bytes: Uint8Array<ArrayBuffer>): number | undefined {
  return Recording.of(bytes).content.duration_s;
}

describe("a recording's type", () => {
  it.each([
    ["wav", "audio/wav", wav(1)],
    ["mp3", "audio/mpeg", mp3(3)],
    ["mp3 with a tag", "audio/mpeg", mp3(3, { tagBytes: 500 })],
    ["m4a", "audio/mp4", m4a(10)],
    ["webm", "audio/webm", webm(3)],
    ["ogg", "audio/ogg", oggOpus(3)],
    ["flac", "audio/flac", Uint8Array.from("fLaC\x80\0\0\x22".padEnd(50, "\0"), (c) => c.charCodeAt(0))],
  ])("is told from its bytes: %s", (_name, type, bytes) => {
    expect(audioType(bytes)).toBe(type);
    expect(RecordingFile.parse(bytes)!.content.mediaType).toBe(type);
  });

  it("is none for pictures, texts and nothing", () => {
    for (
      const text of [
        "",
        "RIFF",
        "RIFF1234WEBPVP8 ",
        "\x89PNG\r\n",
        "\xff\xd8\xff",
        "hello, this is a text",
        "%PDF-1.7",
      ]
    ) {
      const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
      expect({ text, type: audioType(bytes) }).toEqual({ text, type: undefined });
      expect(RecordingFile.safeParse(bytes).success).toBe(false);
    }
  });

  it("is not taken from a text, or what JSON can say", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      expect(RecordingFile.safeParse(value).success).toBe(false);
    }));
  });
});

describe("a recording's length", () => {
  it.each([
    ["wav of 8 bits", wav(2.5), 2.5],
    ["wav of 16 bits at 44.1 kHz", wav(3, { rate: 44_100, bits: 16 }), 3],
    ["mp3", mp3(200), 200 * MP3_FRAME_S],
    ["mp3 behind a tag with a cover", mp3(200, { tagBytes: 70_000 }), 200 * MP3_FRAME_S],
    ["ogg with Opus", oggOpus(175), 3.5],
    ["m4a", m4a(2_000), 2_000 * M4A_PACKET_S],
    ["m4a in fragments", m4a(2_020, { fragmented: true }), 2_020 * M4A_PACKET_S],
    ["webm as browsers record it", webm(250), 15],
  ])("is measured: %s", (_name, bytes, seconds) => {
    expect(measured(bytes)).toBeCloseTo(seconds, 6);
    const { max_duration_s } = Recording.of(bytes).content;
    expect(max_duration_s).toBeGreaterThanOrEqual(Math.ceil(seconds - 1e-9) + 1);
    expect(max_duration_s).toBeLessThanOrEqual(Math.ceil(seconds) + 2);
  });

  it.each([
    ["a wav that is written as it is recorded", wav(4, { statedBytes: 0 }), 4],
    ["a wav that says it is larger than it is", wav(4, { statedBytes: 0xffffffff }), 4],
    ["an mp3 whose Xing header says one frame", mp3(400, { statedFrames: 1 }), 401 * MP3_FRAME_S],
    ["an ogg whose last page says one second", oggOpus(500, { statedSeconds: 1 }), 10],
    ["an m4a whose index says short packets", m4a(500, { statedSamples: 1 }), 500 * M4A_PACKET_S],
    [
      "an m4a whose fragments say short packets",
      m4a(500, { fragmented: true, statedSamples: 1 }),
      500 * M4A_PACKET_S,
    ],
    ["a webm that says one second", webm(500, { statedSeconds: 1 }), 30],
  ])("is counted, whatever a header claims: %s", (_name, bytes, seconds) => {
    expect(measured(bytes)).toBeCloseTo(seconds, 6);
  });

  it.each([
    ["ogg", (statedSeconds: number) => oggVorbis(500, { statedSeconds })],
    ["webm", (statedSeconds: number) => webm(500, { codec: "A_VORBIS", statedSeconds })],
  ])("of Vorbis is what it states, within what its blocks allow: %s", (name, make) => {
    const most_s = 500 * 1_024 / 44_100;
    // The last of webm's blocks tells when it is, too.
    const least_s = name === "ogg" ? most_s / 8 : most_s;
    for (const stated_s of [0.1, 3, 9, 1_000]) {
      const { duration_s, max_duration_s } = Recording.of(make(stated_s)).content;
      expect(duration_s).toBeCloseTo(Math.min(most_s, Math.max(least_s, stated_s)), 3);
      expect(max_duration_s).toBe(Math.ceil(most_s) + 1);
    }
  });

  it("is that of all that an index names, also where it is the same sound over and over", () => {
    const bytes = m4a(100, { times: 400 });
    expect(measured(bytes)).toBeCloseTo(100 * 400 * M4A_PACKET_S, 6);
    expect(() => Recording.of(bytes, 300)).toThrow("Expected a recording of at most 300 seconds");
    expect(() => Recording.of(m4a(60_000, { times: 100 }))).toThrow(
      "Expected a recording of at most 86400 seconds",
    );
  });

  it("that nothing tells is bounded by the size", () => {
    const recording = Recording.of(m4a(1_500, { codec: "ac-4" })).content;
    expect(recording.duration_s).toBeUndefined();
    expect(recording.max_duration_s).toBeGreaterThan(100);
    expect(recording.max_duration_s).toBeLessThan(105);
  });

  const samples = [
    wav(1),
    mp3(20),
    mp3(20, { tagBytes: 300 }),
    oggOpus(60),
    oggVorbis(60),
    m4a(40),
    m4a(90, { fragmented: true }),
    webm(40),
  ];

  it("is measured of broken files too, or bounded, and nothing throws", () => {
    const broken = fc.tuple(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 12 }),
      fc.nat({ max: 4_000 }),
    ).map(([bytes, changes, length]) => {
      const copy = bytes.slice(0, Math.max(16, length));
      for (const [at, value] of changes) if (at >= 12 && at < copy.length) copy[at] = value;
      return copy;
    });
    fc.assert(
      fc.property(broken, (bytes) => {
        const parsed = RecordingFile.safeParse(bytes);
        if (!parsed.success) {
          expect(parsed.error.issues[0]!.message).toMatch(
            /at most (86400 seconds|5000000 packets)|overlap/,
          );
          return;
        }
        const { duration_s, max_duration_s } = parsed.data!.content;
        expect(Number.isSafeInteger(max_duration_s)).toBe(true);
        expect(max_duration_s).toBeGreaterThan(duration_s ?? 0);
        expect(max_duration_s).toBeLessThanOrEqual(86_401);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(["samr", "fLaC", ".mp3"])("is refused where packets lie in each other: m4a, %s", (codec) => {
    const bytes = nestedPackets(codec, { packets: 30, packetBytes: 4_000_000 });
    expect(() => Recording.of(bytes)).toThrow("Expected a recording whose packets do not overlap");
  });

  it.each([
    ["ogg of streams", () => joined(Array(1_001).fill(oggOpus(5)))],
    ["m4a of tracks", () => withTracks(m4a(5), 101)],
    ["webm of tracks", () => joined([webm(5), ...Array(101).fill(Buffer.from("ae83838101", "hex"))])],
  ])("is bounded by the size where it has more parts than anybody records: %s", (_name, make) => {
    const bytes = make();
    const { duration_s, max_duration_s } = Recording.of(bytes).content;
    expect(duration_s).toBeUndefined();
    expect(max_duration_s).toBe(Math.ceil(bytes.length * 8 / 6_000) + 1);
  });

  const fastestMs = (bytes: Uint8Array<ArrayBuffer>) =>
    Math.min(...[1, 2].map(() => {
      const start = performance.now();
      RecordingFile.safeParse(bytes);
      return performance.now() - start;
    }));

  it("of eight times as many tracks in each other takes nowhere near the square of the time", () => {
    const [eighthMs, wholeMs] = [fastestMs(nestedTracks(1_500)), fastestMs(nestedTracks(12_000))];
    expect(wholeMs, `${eighthMs} ms for an eighth`).toBeLessThan(16 * eighthMs + 200);
  });

  it("of four times as large a file takes nowhere near the square of the time, whatever is in it", () => {
    const worst: [string, Uint8Array<ArrayBuffer>][] = [
      ["mp3 without a frame", new Uint8Array(LARGE_BYTES).fill(0xff)],
      ["mp3 of frames", mp3(Math.floor(LARGE_BYTES / 417))],
      ["webm of empty elements", new Uint8Array(LARGE_BYTES).fill(0x81)],
      ["m4a of empty boxes", filled("\0\0\0\x08free")],
      ["m4a of fragments in each other", filled("\0\0\0\x08moof")],
      ["ogg of empty pages", filled("OggS" + "\0".repeat(23))],
      ["flac without a frame", filled("\xff\xf8")],
      ["wav of what may be frames", filled("\xff\xfb\x90\x64\x0b\x77\x00\x00")],
    ];
    worst[0]![1].set([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 0, 0]);
    worst[2]![1].set([0x1a, 0x45, 0xdf, 0xa3, 0x80]);
    worst[3]![1].set(m4a(1).subarray(0, 24));
    worst[4]![1].set(m4a(1).subarray(0, 24));
    worst[6]![1].set(Buffer.from("fLaC\x80\0\0\x22", "latin1"));
    worst[7]![1].set(wav(0, { bits: 16 }));
    for (const [name, bytes] of worst) {
      const [quarterMs, wholeMs] = [fastestMs(bytes.slice(0, bytes.length / 4)), fastestMs(bytes)];
      expect(wholeMs, `${name}: ${quarterMs} ms for a quarter`).toBeLessThan(10 * quarterMs + 200);
    }
  });
});

const LARGE_BYTES = 8_000_000;

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

/** With as many more tracks that have nothing; the index is the file's last part. */
function withTracks(bytes: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  const whole = Buffer.concat([bytes, ...Array(count).fill(Buffer.from("\0\0\0\x08trak"))]);
  const index = whole.indexOf("moov") - 4;
  whole.writeUInt32BE(whole.length - index, index);
  return new Uint8Array(whole);
}

/** An index that names the same bytes in each of its packets. */
function nestedPackets(codec: string, { packets, packetBytes }: { packets: number; packetBytes: number }) {
  const box = (name: string, ...parts: Buffer[]): Buffer =>
    Buffer.concat([u32(8 + Buffer.concat(parts).length), Buffer.from(name), ...parts]);
  const u32 = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
    return bytes;
  };
  const streamInfo = Buffer.concat([Buffer.alloc(18), u32(44_100 << 12), Buffer.alloc(20)]);
  const start = box("ftyp", Buffer.from("M4A \0\0\0\0"));
  const data = box("mdat", Buffer.alloc(packetBytes));
  const index = box(
    "stbl",
    box("stsd", u32(0, 1), box(codec, Buffer.alloc(28), box("dfLa", streamInfo))),
    box("stsz", u32(0, 0, packets, ...Array(packets).fill(packetBytes))),
    box("stsc", u32(0, 1, 1, 1, 1)),
    box("stco", u32(0, packets, ...Array(packets).fill(start.length + 8))),
  );
  const sound = box("mdia", box("hdlr", u32(0, 0), Buffer.from("soun")), box("minf", index));
  return joined([start, data, box("moov", box("trak", box("tkhd", u32(0, 0, 0, 1)), sound))]);
}

/** Each track has all that follow in it, and what it has before them is a cluster to whoever reads on. */
function nestedTracks(count: number): Uint8Array<ArrayBuffer> {
  const head = Buffer.from("1f43b67589ae01000000", "hex");
  const bytes = Buffer.concat([Buffer.from("1a45dfa380", "hex"), Buffer.alloc(14 * count + 4)]);
  for (let at = 5, left = count; left > 0; left--, at += 14) {
    bytes.set(head, at);
    bytes.writeUInt32BE(bytes.length - at - 14, at + 10);
  }
  return new Uint8Array(bytes);
}

/** A large file of one thing over and over. */
function filled(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.alloc(LARGE_BYTES, text, "latin1"));
}

describe("a recording in an input", () => {
  it("is compared by its bytes, and is short where text is counted", () => {
    const [first, same, other] = [wav(1), wav(1), wav(1.1)].map((bytes) =>
      JSON.stringify(Recording.of(bytes))
    );
    expect(same).toBe(first);
    expect(other).not.toBe(first);
    expect(first!.length).toBeLessThan(100);
  });

  it("that is released is neither in memory nor of use any more", () => {
    const bytes = wav(1);
    const recording = Recording.of(bytes);
    recording.release();
    expect(bytes.buffer.byteLength).toBe(0);
    expect(() => recording.content).toThrow(/not read/);
    Recording.at("uploads/a/b.wav").release();
  });

  it("in Storage is named by a path in the bucket for uploads, and is of use once it was read", () => {
    const recording = StoredRecording.parse("uploads/3f6c/voice.wav")!;
    expect(JSON.stringify(recording)).toBe('"uploads/3f6c/voice.wav"');
    expect(() => recording.content).toThrow(/not read/);
    recording.fill(wav(1));
    expect(recording.content.duration_s).toBe(1);
    expect(() => recording.fill(new Uint8Array(100))).toThrow(/Expected a wav/);
    for (
      const path of [
        "",
        "voice.wav",
        "uploads/voice.wav",
        "generated/3f6c/voice.wav",
        "uploads/../x/y",
        "uploads/a//b",
      ]
    ) {
      expect(StoredRecording.safeParse(path).success).toBe(false);
    }
  });

  it("has at most 25 MB", () => {
    const bytes = new Uint8Array(RECORDING_BYTES + 1);
    bytes.set(wav(1));
    expect(RecordingFile.safeParse(bytes).success).toBe(false);
    expect(RecordingFile.safeParse(bytes.subarray(0, RECORDING_BYTES)).success).toBe(true);
  });
});
