import { Buffer } from "node:buffer";
import { createRandom } from "./random.ts";
import type { Switches } from "./switches.ts";
import { demoProse } from "./words.ts";

type Event = { type: string; [field: string]: unknown };

interface Tokens {
  text: number;
  audio: number;
}

const SAMPLES_PER_SECOND = 24_000;
const BYTES_PER_SECOND = 2 * SAMPLES_PER_SECOND;
/** https://platform.openai.com/docs/guides/realtime-costs: a token for 100 ms heard and for 50 ms spoken. */
const TOKENS_PER_SECOND = { heard: 10, spoken: 20 };
const CHARACTERS_PER_TOKEN = 4;
/** A louder sample is speech; a message without one ends the turn. */
const LOUD = 500;
const WORDS = 8;
const SECONDS_PER_WORD = 0.25;

/**
 * A conversation of OpenAI's Realtime API (GA): receives PCM, finds turns by loudness, answers with a tone and words,
 * and reports the usage. The model's name selects the behaviour, as for the other routes: `hang` never answers, `cut`
 * breaks off inside an answer, `slow-MS` waits before each part of one, `nonsense` sends a message that is not an
 * event, `refuse` fails the answer, `no-usage` and `usage-IN-OUT` report no usage or this one (half of each is
 * sound).
 */
export class RealtimeConversation {
  readonly #socket: WebSocket;
  readonly #switches: Switches;
  #session: Record<string, unknown> = { type: "realtime", output_modalities: ["audio"] };
  #bufferedBytes = 0;
  #isSpeaking = false;
  readonly #context: Tokens = { text: 0, audio: 0 };
  #count = 0;
  #active: { id: string; isCancelled: boolean } | undefined;

  constructor(socket: WebSocket, switches: Switches) {
    this.#socket = socket;
    this.#switches = switches;
    socket.onopen = () => this.#send({ type: "session.created", session: this.#session });
    socket.onmessage = ({ data }) => this.#read(String(data));
    socket.onclose = () => this.#active && (this.#active.isCancelled = true);
    socket.onerror = () => {};
  }

  #read(text: string): void {
    let event: Event;
    try {
      event = JSON.parse(text);
    } catch {
      return this.#refuse("invalid_json");
    }
    switch (event.type) {
      case "session.update":
        this.#session = { ...this.#session, ...event.session as object };
        return this.#send({ type: "session.updated", session: this.#session });
      case "input_audio_buffer.append":
        return this.#hear(Buffer.from(String(event.audio), "base64"));
      case "input_audio_buffer.commit":
        return this.#bufferedBytes > 0
          ? this.#commit()
          : this.#refuse("input_audio_buffer_commit_empty", event);
      case "input_audio_buffer.clear":
        this.#bufferedBytes = 0;
        return this.#send({ type: "input_audio_buffer.cleared" });
      case "conversation.item.create":
        return this.#addText(event.item as { content: { text: string }[] });
      case "conversation.item.truncate":
        return this.#send({ ...event, type: "conversation.item.truncated" });
      case "response.create":
        if (this.#active) return this.#refuse("conversation_already_has_active_response", event);
        return void this.#respond();
      case "response.cancel":
        if (!this.#active) return this.#refuse("response_cancel_not_active", event);
        this.#active.isCancelled = true;
        return;
      default:
        return this.#refuse("invalid_value", event);
    }
  }

  #hear(sound: Buffer): void {
    const samples = Array.from({ length: sound.length >> 1 }, (_, index) => sound.readInt16LE(index * 2));
    const isLoud = samples.some((sample) => Math.abs(sample) > LOUD);
    this.#bufferedBytes += sound.length;
    if (isLoud && !this.#isSpeaking) {
      this.#isSpeaking = true;
      if (this.#active) this.#active.isCancelled = true;
      this.#send({ type: "input_audio_buffer.speech_started", audio_start_ms: 0, item_id: this.#id("item") });
    } else if (!isLoud && this.#isSpeaking) {
      this.#send({ type: "input_audio_buffer.speech_stopped", audio_end_ms: 0, item_id: this.#id("item") });
      this.#commit();
    }
  }

  #commit(): void {
    this.#isSpeaking = false;
    this.#context.audio += Math.ceil(this.#bufferedBytes / BYTES_PER_SECOND * TOKENS_PER_SECOND.heard);
    this.#bufferedBytes = 0;
    this.#send({ type: "input_audio_buffer.committed", item_id: this.#id("item"), previous_item_id: null });
  }

  #addText(item: { content: { text: string }[] }): void {
    this.#context.text += tokensOf(item.content.map(({ text }) => text).join(""));
    const added = { ...item, id: this.#id("item"), object: "realtime.item", status: "completed" };
    this.#send({ type: "conversation.item.added", item: added, previous_item_id: null });
    this.#send({ type: "conversation.item.done", item: added, previous_item_id: null });
  }

  async #respond(): Promise<void> {
    const { hang, slowMs, content, cutAfterBytes } = this.#switches;
    if (hang) return;
    if (content === "nonsense") return this.#socket.send("demo nonsense that is no event");
    const active = this.#active = { id: this.#id("resp"), isCancelled: false };
    const ids = { response_id: active.id, item_id: this.#id("item"), output_index: 0, content_index: 0 };
    const input = {
      text: this.#context.text + tokensOf(String(this.#session.instructions ?? "")),
      audio: this.#context.audio,
    };
    this.#send({ type: "response.created", response: { id: active.id, status: "in_progress" } });
    const words = content === "refuse"
      ? []
      : demoProse(createRandom(JSON.stringify(input))).split(/(?<= )/).slice(0, WORDS);
    let said = "";
    for (const [index, word] of words.entries()) {
      await new Promise((resolve) => setTimeout(resolve, slowMs));
      if (active.isCancelled) break;
      said += word;
      this.#send({ type: "response.output_audio_transcript.delta", ...ids, delta: word });
      this.#send({ type: "response.output_audio.delta", ...ids, delta: tone(220 + 30 * index) });
      if (cutAfterBytes !== undefined) return this.#socket.close(1011, "cut by the demo model's switch");
    }
    const spoken = said.split(/(?<= )/).filter(Boolean).length * SECONDS_PER_WORD;
    const output = { text: tokensOf(said), audio: Math.ceil(spoken * TOKENS_PER_SECOND.spoken) };
    this.#context.text += output.text;
    this.#context.audio += output.audio;
    this.#active = undefined;
    this.#send({
      type: "response.done",
      response: {
        id: active.id,
        status: active.isCancelled ? "cancelled" : content === "refuse" ? "failed" : "completed",
        usage: this.#usage(input, output),
      },
    });
  }

  #usage(input: Tokens, output: Tokens): unknown {
    const { usage } = this.#switches;
    if (usage === "none") return null;
    const [given, made] = usage === "default" ? [input, output] : [halves(usage.input), halves(usage.output)];
    return {
      total_tokens: given.text + given.audio + made.text + made.audio,
      input_tokens: given.text + given.audio,
      output_tokens: made.text + made.audio,
      input_token_details: { text_tokens: given.text, audio_tokens: given.audio, cached_tokens: 0 },
      output_token_details: { text_tokens: made.text, audio_tokens: made.audio },
    };
  }

  #refuse(code: string, event?: Event): void {
    const error = {
      type: "invalid_request_error",
      code,
      message: `Demo: ${code}`,
      event_id: event?.event_id,
    };
    this.#send({ type: "error", error });
  }

  #send(event: Event): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ event_id: this.#id("event"), ...event }));
  }

  #id(kind: string): string {
    this.#count += 1;
    return `${kind}_demo_${this.#count}`;
  }
}

function tokensOf(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}

function halves(tokens: number): Tokens {
  return { text: tokens - Math.floor(tokens / 2), audio: Math.floor(tokens / 2) };
}

/** The sound of a word, in base64. */
function tone(hertz: number): string {
  const samples = Math.round(SECONDS_PER_WORD * SAMPLES_PER_SECOND);
  const bytes = Buffer.alloc(2 * samples);
  for (let index = 0; index < samples; index++) {
    const wave = Math.sin(2 * Math.PI * hertz * index / SAMPLES_PER_SECOND);
    bytes.writeInt16LE(Math.round(8_000 * wave), 2 * index);
  }
  return bytes.toString("base64");
}
