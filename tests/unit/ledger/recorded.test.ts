import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

import { Recording } from "../../../supabase/functions/_shared/media/audio.ts";
import { allHeardSeconds, heardSeconds, record, recordAll } from "../../support/ffmpeg.ts";
import { needing } from "../../support/needs.ts";

// Files that ffmpeg makes as browsers and phones do, against what it hears when it decodes them.

const SECONDS = 3.3;
const SINE = `-f lavfi -i sine=frequency=440:duration=${SECONDS}:sample_rate=48000`;
const NOISE = `-f lavfi -i anoisesrc=duration=${SECONDS}:sample_rate=48000:amplitude=0.3`;
const PICTURES = `-f lavfi -i testsrc=duration=${SECONDS}:size=64x48:rate=10`;
const FRAGMENTS = "-movflags +frag_keyframe+empty_moov -frag_duration 500000";

/** What decoders add or leave out at the ends: some packets of the slowest codec. */
const TOLERANCE_S = 0.12;

type Made = [name: string, type: string, options: string, format: string, isPiped?: boolean];

/** Each in one channel and in two. */
const SOUNDS: Made[] = [
  ["wav, 16 bits", "audio/wav", `${SINE} -c:a pcm_s16le`, "wav"],
  ["wav, 24 bits", "audio/wav", `${SINE} -c:a pcm_s24le`, "wav"],
  ["wav, floats", "audio/wav", `${SINE} -c:a pcm_f32le`, "wav"],
  ["wav, A-law at 8 kHz", "audio/wav", `${SINE} -ar 8000 -c:a pcm_alaw`, "wav"],
  ["wav, µ-law at 8 kHz", "audio/wav", `${SINE} -ar 8000 -c:a pcm_mulaw`, "wav"],
  ["wav, ADPCM of IMA", "audio/wav", `${SINE} -c:a adpcm_ima_wav`, "wav"],
  ["wav, ADPCM of Microsoft", "audio/wav", `${SINE} -c:a adpcm_ms`, "wav"],
  ["wav without a length", "audio/wav", `${SINE} -c:a pcm_s16le`, "wav", true],

  ["mp3 of one rate", "audio/mpeg", `${SINE} -c:a libmp3lame -b:a 96k`, "mp3"],
  ["mp3 of many rates", "audio/mpeg", `${NOISE} -c:a libmp3lame -q:a 4`, "mp3"],
  ["mp3 without Xing header", "audio/mpeg", `${NOISE} -c:a libmp3lame -q:a 4 -write_xing 0`, "mp3"],
  ["mp3 without any tag", "audio/mpeg", `${NOISE} -c:a libmp3lame -write_xing 0 -id3v2_version 0`, "mp3"],
  ["mp3 at 22 kHz", "audio/mpeg", `${SINE} -ar 22050 -c:a libmp3lame`, "mp3"],
  ["mp3 into a pipe", "audio/mpeg", `${SINE} -c:a libmp3lame`, "mp3", true],

  ["m4a, AAC", "audio/mp4", `${SINE} -c:a aac`, "ipod"],
  ["m4a, AAC at 16 kHz", "audio/mp4", `${SINE} -ar 16000 -c:a aac`, "ipod"],
  ["m4a, its index in front", "audio/mp4", `${SINE} -c:a aac -movflags +faststart`, "ipod"],
  ["m4a, ALAC", "audio/mp4", `${SINE} -c:a alac`, "ipod"],
  ["mp4, Opus", "audio/mp4", `${SINE} -c:a libopus`, "mp4"],
  ["mp4, FLAC", "audio/mp4", `${SINE} -c:a flac -strict -2`, "mp4"],
  ["mp4, MP3", "audio/mp4", `${SINE} -c:a libmp3lame`, "mp4"],
  ["mp4 in fragments, AAC", "audio/mp4", `${SINE} -c:a aac ${FRAGMENTS}`, "mp4"],
  ["mp4 in fragments, into a pipe", "audio/mp4", `${SINE} -c:a aac ${FRAGMENTS}`, "mp4", true],
  ["mp4 in fragments, Opus", "audio/mp4", `${SINE} -c:a libopus ${FRAGMENTS}`, "mp4"],
  ["mp4 in fragments, FLAC", "audio/mp4", `${SINE} -c:a flac -strict -2 ${FRAGMENTS}`, "mp4"],
  [
    "mp4 in fragments with an index of each",
    "audio/mp4",
    `${SINE} -c:a aac -movflags +dash+delay_moov -frag_duration 500000`,
    "mp4",
  ],
  [
    "mp4 in fragments without offsets",
    "audio/mp4",
    `${SINE} -c:a aac -movflags +frag_keyframe+empty_moov+omit_tfhd_offset -frag_duration 500000`,
    "mp4",
  ],
  [
    "mp4 in fragments, CMAF",
    "audio/mp4",
    `${SINE} -c:a aac -movflags +cmaf -frag_duration 500000`,
    "mp4",
  ],
  [
    "mp4 with its first part indexed, the rest in fragments",
    "audio/mp4",
    `${SINE} -c:a aac -movflags +frag_keyframe -frag_duration 500000`,
    "mp4",
  ],
  ["mov, AAC", "audio/mp4", `${SINE} -c:a aac`, "mov"],
  ["mov, ALAC", "audio/mp4", `${SINE} -c:a alac`, "mov"],
  ["mov, plain samples", "audio/mp4", `${SINE} -c:a pcm_s16le`, "mov"],
  ["mov, plain samples of 24 bits", "audio/mp4", `${SINE} -c:a pcm_s24be`, "mov"],
  ["mov in fragments", "audio/mp4", `${SINE} -c:a aac ${FRAGMENTS}`, "mov"],
  ["3gp, AAC", "audio/mp4", `${SINE} -ar 16000 -c:a aac`, "3gp"],

  ["webm, Opus", "audio/webm", `${SINE} -c:a libopus`, "webm"],
  ["webm, Opus, live", "audio/webm", `${SINE} -c:a libopus -live 1`, "webm", true],
  [
    "webm, Opus of 60 ms",
    "audio/webm",
    `${SINE} -c:a libopus -frame_duration 60 -b:a 12k -live 1`,
    "webm",
    true,
  ],
  ["webm, Opus of 2.5 ms", "audio/webm", `${SINE} -c:a libopus -frame_duration 2.5`, "webm"],
  ["webm, Vorbis", "audio/webm", `${SINE} -c:a libvorbis`, "webm"],
  ["webm, Vorbis, live", "audio/webm", `${SINE} -c:a libvorbis -live 1`, "webm", true],
  ["matroska, plain samples", "audio/webm", `${SINE} -c:a pcm_s16le`, "matroska"],
  ["matroska, AAC", "audio/webm", `${SINE} -c:a aac`, "matroska"],
  ["matroska, MP3", "audio/webm", `${SINE} -c:a libmp3lame`, "matroska"],
  ["matroska, FLAC", "audio/webm", `${SINE} -c:a flac`, "matroska"],

  ["ogg, Opus", "audio/ogg", `${SINE} -c:a libopus`, "ogg"],
  [
    "ogg, Opus of 60 ms, into a pipe",
    "audio/ogg",
    `${SINE} -c:a libopus -frame_duration 60 -b:a 12k`,
    "ogg",
    true,
  ],
  ["ogg, Vorbis", "audio/ogg", `${SINE} -c:a libvorbis`, "ogg"],
  ["ogg, Vorbis of noise", "audio/ogg", `${NOISE} -c:a libvorbis`, "ogg"],
  ["ogg, FLAC", "audio/ogg", `${SINE} -c:a flac`, "ogg"],

  ["flac", "audio/flac", `${SINE} -c:a flac`, "flac"],
  ["flac of noise", "audio/flac", `${NOISE} -c:a flac`, "flac"],
  ["flac without a length", "audio/flac", `${SINE} -c:a flac`, "flac", true],
];

const WITH_PICTURES: Made[] = [
  ["mp4 of a phone", "audio/mp4", `${PICTURES} ${SINE} -c:v mpeg4 -c:a aac`, "mp4"],
  ["mov of a phone", "audio/mp4", `${PICTURES} ${SINE} -c:v mpeg4 -c:a aac`, "mov"],
  ["mp4 in fragments", "audio/mp4", `${PICTURES} ${SINE} -c:v mpeg4 -g 5 -c:a aac ${FRAGMENTS}`, "mp4"],
  ["webm", "audio/webm", `${PICTURES} ${SINE} -c:v libvpx -c:a libopus`, "webm"],
  ["webm, live", "audio/webm", `${PICTURES} ${SINE} -c:v libvpx -c:a libopus -live 1`, "webm", true],
];

const MADE: Made[] = [
  ...SOUNDS.flatMap(([name, type, options, ...rest]) =>
    [1, 2].map((channels): Made => [
      `${name}, ${channels === 1 ? "one channel" : "two channels"}`,
      type,
      `${options} -ac ${channels}`,
      ...rest,
    ])
  ),
  ...WITH_PICTURES.map(([name, ...rest]): Made => [`${name}, with pictures`, ...rest]),
];

/** The files of MADE by their names, and how long ffmpeg hears each. */
const made = new Map<string, { bytes: Uint8Array<ArrayBuffer>; heard: number }>();

/** A copy of a file of MADE, in one channel. */
function madeOf(name: string): Uint8Array<ArrayBuffer> {
  return made.get(`${name}, one channel`)!.bytes.slice();
}

/** Makes them all: those of the same inputs, and that are no pipes, by one ffmpeg. */
async function makeAll(): Promise<void> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const together = Map.groupBy(
    MADE.filter(([, , , , isPiped]) => !isPiped),
    ([, , options]) => /^(-f lavfi -i \S+ )+/.exec(options)![0],
  );
  for (const [inputs, those] of together) {
    const outputs = those.map(([, , options, format]) => ({ options: options.slice(inputs.length), format }));
    const recorded = await recordAll(inputs.trim(), outputs);
    those.forEach(([name], index) => files.set(name, recorded[index]!));
  }
  for (const [name, , options, format, isPiped] of MADE) {
    if (isPiped) files.set(name, await record(options, { format, isPiped }));
  }
  const heard = await allHeardSeconds([...files.values()]);
  [...files].forEach(([name, bytes], index) => made.set(name, { bytes, heard: heard[index]! }));
}

/** Of what is held beyond what is heard: packets, a rounded second and the one that is always added. */
const MAX_HELD_BEYOND_S = TOLERANCE_S + 2;

const withFfmpeg = await needing("ffmpeg");

beforeAll(async () => {
  if (!withFfmpeg.skip) await makeAll();
});

describe("a recording that ffmpeg makes", withFfmpeg, () => {
  it.each(MADE)("is taken, and as long as it is heard: %s", (name, type) => {
    const { bytes, heard } = made.get(name)!;
    expect(heard).toBeGreaterThan(SECONDS - 0.1);
    const { mediaType, duration_s, max_duration_s } = Recording.of(bytes).content;
    expect(mediaType).toBe(type);
    expect(Math.abs(duration_s! - heard), `${duration_s} s, heard are ${heard} s`).toBeLessThan(TOLERANCE_S);
    expect(max_duration_s).toBeGreaterThanOrEqual(heard);
    // How many blocks of Vorbis are short only its decoder knows.
    if (!name.includes("Vorbis")) expect(max_duration_s).toBeLessThan(heard + MAX_HELD_BEYOND_S);
  });

  it.each([
    ["CAF", `${SINE} -c:a pcm_s16le`, "caf"],
    ["AIFF", SINE, "aiff"],
    ["bare AAC", `${SINE} -c:a aac`, "adts"],
    ["WMA", `${SINE} -c:a wmav2`, "asf"],
  ])("is refused by its name where no provider takes it: %s", async (name, options, format) => {
    const bytes = await record(options, { format });
    expect(() => Recording.of(bytes)).toThrow(
      new RegExp(`^Expected a wav, mp3, m4a, webm, ogg or flac recording, not an? ${name} file$`),
    );
  });
});

describe("a wav that is something else behind its head", withFfmpeg, () => {
  const LOUD = `${NOISE} -ac 2`;
  const head = (dataBytes: number, rate: number) => {
    const bytes = Buffer.alloc(44);
    bytes.write("RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0");
    bytes.writeUInt32LE(36 + dataBytes, 4);
    bytes.writeUInt32LE(rate, 24);
    bytes.writeUInt32LE(4 * rate, 28);
    bytes.set([4, 0, 16, 0], 32);
    bytes.write("data", 36);
    bytes.writeUInt32LE(dataBytes, 40);
    return bytes;
  };

  it.each([
    ["MP3", `${LOUD} -c:a libmp3lame -b:a 64k -id3v2_version 0`, "mp3"],
    ["MP3 at 22 kHz", `${LOUD} -ar 22050 -c:a libmp3lame -b:a 32k -id3v2_version 0`, "mp3"],
    ["MP2", `${LOUD} -c:a mp2 -b:a 96k`, "mp2"],
    ["AAC as it is broadcast", `${LOUD} -c:a aac -b:a 64k`, "adts"],
    ["AAC in LATM", `${LOUD} -c:a aac -b:a 64k`, "latm"],
    ["AC-3", `${LOUD} -c:a ac3 -b:a 64k`, "ac3"],
    ["AC-3 at 44.1 kHz", `${LOUD} -ar 44100 -c:a ac3 -b:a 96k`, "ac3"],
    ["Enhanced AC-3", `${LOUD} -c:a eac3 -b:a 64k`, "eac3"],
    ["DTS", `${LOUD} -c:a dca -strict -2 -b:a 320k`, "dts"],
    ["TrueHD", `${LOUD} -c:a truehd -strict -2`, "truehd"],
    ["AC-3 for S/PDIF", `${LOUD} -c:a ac3 -b:a 64k`, "spdif"],
  ])("is held for what is heard of it: %s", async (_name, options, format) => {
    const sound = await record(options, { format });
    const bytes = new Uint8Array(Buffer.concat([head(sound.length, 192_000), sound]));
    const heard = await heardSeconds(bytes);
    const { duration_s, max_duration_s } = Recording.of(bytes).content;
    expect(duration_s).toBeUndefined();
    expect(max_duration_s).toBeGreaterThanOrEqual(heard);
  });

  it("is held for what is heard of it: the file of a small recorder", async () => {
    const bytes = new Uint8Array(Buffer.concat([head(51_200 - 44, 48_000), Buffer.alloc(51_200 - 44, 0x5a)]));
    bytes.fill(0, 44, 512);
    bytes.set([0x84, 0, 0, 0, 9], 256);
    new DataView(bytes.buffer).setUint32(24, 8_000, true);
    const heard = await heardSeconds(bytes);
    expect(heard).toBeGreaterThan(40);
    expect(Recording.of(bytes).content.max_duration_s).toBeGreaterThanOrEqual(heard);
  });

  it("is not mistaken for it where it is loud, soft or silent", async () => {
    for (const amplitude of [1, 0.3, 0.0001, 0]) {
      const options =
        `-f lavfi -i anoisesrc=duration=30:sample_rate=48000:amplitude=${amplitude} -c:a pcm_s16le`;
      const bytes = await record(options, { format: "wav" });
      expect(Recording.of(bytes).content.duration_s).toBeCloseTo(30, 3);
    }
  });
});

describe("a recording that states less than it has", withFfmpeg, () => {
  const place = (bytes: Uint8Array, text: string) => Buffer.from(bytes.buffer).indexOf(text, 0, "latin1");
  const put = (bytes: Uint8Array<ArrayBuffer>, at: number, ...values: number[]) => {
    values.forEach((value, index) => new DataView(bytes.buffer).setUint32(at + index * 4, value));
    return bytes;
  };
  const joined = (...parts: (Uint8Array | string)[]) =>
    new Uint8Array(
      Buffer.concat(parts.map((part) => typeof part === "string" ? Buffer.from(part, "latin1") : part)),
    );

  const LIES: [string, () => Uint8Array<ArrayBuffer>][] = [
    ["a wav with its sound in two chunks", () => {
      const bytes = madeOf("wav, 16 bits");
      const data = place(bytes, "data");
      const chunk = bytes.slice(data);
      const first = joined(chunk.slice(0, 2_008));
      new DataView(first.buffer).setUint32(4, 2_000, true);
      return joined(bytes.slice(0, data), first, chunk);
    }],
    ["a wav of A-law whose samples have 64 bits by its head", () => {
      const bytes = madeOf("wav, A-law at 8 kHz");
      new DataView(bytes.buffer).setUint16(place(bytes, "fmt ") + 22, 64, true);
      return bytes;
    }],
    ["an mp3 whose Xing header says one frame", () => {
      const bytes = madeOf("mp3 of many rates");
      return put(bytes, Math.max(place(bytes, "Xing"), place(bytes, "Info")) + 8, 1);
    }],
    ["an mp3 with a byte between its later frames", () => {
      const bytes = madeOf("mp3 of one rate");
      return joined(bytes.slice(0, 3_000), bytes.slice(3_001, 9_000), "\0", bytes.slice(9_000));
    }],
    ["an m4a whose index states short packets", () => {
      const bytes = madeOf("m4a, AAC");
      bytes.set(Buffer.from("free"), place(bytes, "edts"));
      return put(bytes, place(bytes, "stts") + 16, 1);
    }],
    ["an m4a whose track counts in tiny units", () => {
      const bytes = madeOf("m4a, AAC");
      return put(bytes, place(bytes, "mdhd") + 16, 48_000_000);
    }],
    ["an m4a whose movie says that it has no length", () => {
      const bytes = madeOf("m4a, AAC");
      return put(put(bytes, place(bytes, "mvhd") + 20, 1), place(bytes, "tkhd") + 24, 1);
    }],
    ["an m4a with many packets in one", () => {
      const bytes = madeOf("m4a, AAC");
      return put(bytes, place(bytes, "stsz") + 16 + 9 * 4, 1_000_000);
    }],
    ["a flac in an mp4 with many frames in one packet", () => {
      const bytes = madeOf("mp4, FLAC");
      return put(bytes, place(bytes, "stsz") + 16 + 9 * 4, 1_000_000);
    }],
    ["an mp4 whose fragments state short packets", () => {
      const bytes = madeOf("mp4 in fragments, AAC");
      return put(bytes, place(bytes, "trex") + 16, 1);
    }],
    ["a webm that states one millisecond", () => {
      const bytes = madeOf("webm, Opus");
      const at = place(bytes, "\x44\x89\x88");
      new DataView(bytes.buffer).setFloat64(at + 3, 1);
      return bytes;
    }],
    ["a webm with something broken in the middle", () => {
      const bytes = madeOf("webm, Opus of 60 ms");
      const cluster = place(bytes, "\x1f\x43\xb6\x75");
      return joined(bytes, "\xec\x08\xff\xff\xff\xff\xff\xff", bytes.slice(cluster));
    }],
    ["a webm with an element that is larger than its cluster", () => {
      const [first, second] = [madeOf("webm, Opus, live"), madeOf("webm, Opus")];
      const cluster = place(second, "\x1f\x43\xb6\x75");
      // Of a kind that nobody knows, in the second block's place.
      const block = place(second.slice(cluster), "\xa3") + cluster;
      second.set([0x5f, 0xff, 0x5f, 0xff], block);
      return joined(first, second.slice(cluster), second.slice(cluster));
    }],
    ["an ogg whose pages say that they are at its start", () => {
      const bytes = madeOf("ogg, Opus of 60 ms, into a pipe");
      return joined(bytes.slice(0, -1), bytes);
    }],
    ["an ogg with something broken in the middle", () => {
      const bytes = madeOf("ogg, Opus");
      const middle = Buffer.from(bytes.buffer).indexOf("OggS", 300);
      return joined(bytes.slice(0, middle), "broken", bytes.slice(middle));
    }],
    ["a flac that states 100 samples", () => {
      const bytes = madeOf("flac");
      bytes[21]! &= 0xf0;
      return put(bytes, 22, 100);
    }],
  ];

  it.each(LIES)("is as long as it is heard all the same: %s", async (_name, make) => {
    const bytes = make();
    const heard = await heardSeconds(bytes);
    expect(heard).toBeGreaterThan(1);
    const { duration_s, max_duration_s } = Recording.of(bytes).content;
    expect(duration_s).toBeGreaterThan(heard - TOLERANCE_S);
    expect(max_duration_s).toBeGreaterThanOrEqual(heard);
  });

  let samples: Uint8Array<ArrayBuffer>[] = [];

  beforeAll(() => {
    samples = [
      "wav, 16 bits",
      "mp3 of many rates",
      "m4a, AAC",
      "mp4, Opus",
      "mp4 in fragments, AAC",
      "mov, plain samples",
      "webm, Opus, live",
      "webm, Vorbis",
      "ogg, Opus",
      "ogg, Vorbis",
      "ogg, FLAC",
      "flac",
    ].map(madeOf);
  });

  it("by change or by cut is held for what is heard of it, or refused with words", async () => {
    const change = fc.record({
      file: fc.nat(),
      cut: fc.option(fc.double({ min: 0.05, max: 1, noNaN: true }), { freq: 3 }),
      // The heads are where lengths are told.
      changes: fc.array(
        fc.tuple(fc.oneof(fc.nat({ max: 1_000 }), fc.nat({ max: 100_000 })), fc.nat({ max: 255 })),
        { maxLength: 6 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ file, cut, changes }) => {
        const whole = samples[file % samples.length]!;
        const bytes = whole.slice(0, Math.ceil(whole.length * (cut ?? 1)));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        let held: number;
        try {
          held = Recording.of(bytes).content.max_duration_s;
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          expect((error as Error).message).toMatch(/^Expected a/);
          return;
        }
        expect(held).toBeGreaterThanOrEqual(await heardSeconds(bytes));
      }),
      { numRuns: RUNS },
    );
  }, 120_000);
});

const RUNS = Number(Deno.env.get("RUNS") ?? 60);
