import { z } from "zod";

import { RECORDING_BODY_BYTES, recordingFields, SpokenLanguage } from "../_shared/media/audio.ts";
import { defineFeature } from "../_shared/feature.ts";
import { inOrder } from "../_app/speech/segments.ts";

const Input = z.object({
  ...recordingFields(),
  language: SpokenLanguage.optional(),
}).refine(({ file, storage_path }) => !file !== !storage_path, "Send either a file or its storage_path");

const Output = z.object({
  text: z.string(),
  language: z.string().nullable(),
  segments: z.array(z.object({ start_s: z.number(), end_s: z.number(), text: z.string() })),
  duration_s: z.number().nullable(),
});

/** Transcribes a recording; charged per second, as measured by the provider. */
export default defineFeature({
  name: "audio-transcribe",
  price: { per_call: 1, per_1k_seconds: 100 },
  limits: ({ file, storage_path }) => ({ seconds: (file ?? storage_path)!.content.max_duration_s }),
  input: Input,
  output: Output,
  maxUploadBytes: RECORDING_BODY_BYTES,
  async run({ input, models }) {
    const recording = (input.file ?? input.storage_path)!;
    const heard = await models.transcribe({ recording, language: input.language });
    return { ...heard, segments: inOrder(heard.segments, heard.duration_s ?? Infinity) };
  },
}) satisfies Deno.ServeDefaultExport;
