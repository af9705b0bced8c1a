/** An answer for which PostgREST rolls back what it has done. */
class Condemned extends Error {
  constructor(readonly answer: Response) {
    super("The answer has not the one row that its client wants");
  }
}

/**
 * Work in a transaction that ends as PostgREST's does: whoever asks for one row (`.single()`) and gets 406, as there is
 * none or more, has changed nothing. Lite would commit.
 */
export async function rollingBack<Result>(
  work: (kept: (pending: Promise<Result>) => Promise<Result>) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(async (pending) => {
      const result = await pending;
      if (result instanceof Response && await isCondemned(result)) throw new Condemned(result);
      return result;
    });
  } catch (error) {
    if (error instanceof Condemned) return error.answer as Result;
    throw error;
  }
}

/** By its code, too: a function may itself answer with a status of 406, and is committed. */
async function isCondemned(answer: Response): Promise<boolean> {
  return answer.status === 406 && (await answer.clone().json().catch(() => null))?.code === "PGRST116";
}
