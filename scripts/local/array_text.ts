/** A list as an array in Postgres's text form: https://www.postgresql.org/docs/17/arrays.html#ARRAYS-IO */
export function arrayText(list: unknown[], serialize: (value: unknown) => string): string {
  const elements = list.map((one) => {
    if (one === null || one === undefined) return "NULL";
    if (Array.isArray(one)) return arrayText(one, serialize);
    return `"${serialize(one).replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${elements.join(",")}}`;
}

/** Reads an array from Postgres's text form; elements are read by `parse`, NULL is null. */
export function readArray(text: string, parse: (element: string) => unknown): unknown[] {
  // Arrays that do not begin at 1 have their bounds in front.
  const tokens = /"(?:[^"\\]|\\.)*"|[{}]|[^{},"]+/gy;
  tokens.lastIndex = text.indexOf("{");
  const lists: unknown[][] = [[]];
  while (tokens.lastIndex < text.length) {
    if (text[tokens.lastIndex] === ",") tokens.lastIndex++;
    const token = tokens.exec(text)?.[0];
    if (token === undefined) throw new Error(`Not an array of Postgres: ${text}`);
    if (token === "{") lists.push([]);
    else if (token === "}") {
      const list = lists.pop()!;
      lists.at(-1)!.push(list);
    } else if (token === "NULL") lists.at(-1)!.push(null);
    else {lists.at(-1)!.push(
        parse(token.startsWith('"') ? token.slice(1, -1).replace(/\\(.)/gs, "$1") : token),
      );}
  }
  return lists[0]![0] as unknown[];
}
