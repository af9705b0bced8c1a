export interface ServerEvent {
  name: string;
  data: string;
}

/**
 * The events of a stream, each as soon as it is complete; all at the end if the platform only gives whole bodies,
 * like React Native. https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* readEvents(response: Response): AsyncGenerator<ServerEvent, void> {
  if (!response.body) {
    const [whole] = split(await response.text());
    yield* whole;
    return;
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const [events, rest] = split(text);
      text = rest;
      yield* events;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** The complete events, and the rest of the text. */
function split(text: string): [ServerEvent[], string] {
  const blocks = text.split(/\r?\n\r?\n/);
  const rest = blocks.pop()!;
  return [blocks.map(parse).filter((event) => event !== undefined), rest];
}

/** Parses one block of lines; comments, which keep the connection open, are not events. */
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
