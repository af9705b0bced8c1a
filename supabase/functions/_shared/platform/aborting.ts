/** Stops waiting for work that cannot be ended when the signal aborts, and throws the signal's reason. */
export function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/**
 * The response of a fetch, with a body that always ends with the signal. Deno ties the body to the signal by a weak
 * reference: after a garbage collection the caller would wait forever for a server that falls silent in the middle.
 */
export function endingWith(response: Response, signal: AbortSignal): Response {
  if (response.body === null) return response;
  const reader = response.body.getReader();
  let end = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const abort = () => {
        controller.error(signal.reason);
        leave(signal.reason);
      };
      end = () => signal.removeEventListener("abort", abort);
      signal.addEventListener("abort", abort);
      if (signal.aborted) abort();
    },
    async pull(controller) {
      try {
        const { value } = await reader.read();
        if (value === undefined) controller.close();
        else return controller.enqueue(value);
      } catch (error) {
        controller.error(error);
      }
      end();
    },
    cancel: leave,
  }, { highWaterMark: 0 });

  function leave(reason: unknown): void {
    end();
    reader.cancel(reason).catch(() => {});
  }

  return new Response(body, response);
}

/**
 * The same for a response that is read as text, without a second stream, which costs more than a small response
 * itself. The connection to a silent server stays open until the platform closes it.
 */
export function textEndingWith(response: Response, signal: AbortSignal): Response {
  const read = response.text.bind(response);
  return Object.assign(response, { text: () => unlessAborted(read(), signal) });
}
