export interface ServerEvent {
  name: string;
  data: string;
}

/** The events of a stream, each as soon as it is whole. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop()!;
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** One block of lines; comments, which keep the connection open, are none. */
function parse(block: string): ServerEvent | undefined {
  const lines = block.split(/\r?\n/);
  const valuesOf = (field: string) =>
    lines.filter((line) => line.startsWith(`${field}:`)).map((line) =>
      line.slice(field.length + 1).replace(/^ /, "")
    );
  const data = valuesOf("data");
  return data.length === 0
    ? undefined
    : { name: valuesOf("event").at(-1) ?? "message", data: data.join("\n") };
}
