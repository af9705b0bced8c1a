/** Work that cannot be ended itself is left alone when the signal aborts; its reason is thrown. */
export function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/**
 * The answer to a fetch, with a body that the signal ends for sure. Deno ties the body to the signal by a weak reference:
 * once garbage was collected, a server that falls silent in the middle would be waited for without end.
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
 * The same for an answer that is read as a text: without a second stream, which costs more than a small answer itself. The
 * connection to a server that has fallen silent stays until the platform closes it.
 */
export function textEndingWith(response: Response, signal: AbortSignal): Response {
  const read = response.text.bind(response);
  return Object.assign(response, { text: () => unlessAborted(read(), signal) });
}
