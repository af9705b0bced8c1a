import { afterEach, expect, it } from "vitest";

import { smokeTest } from "../../../scripts/deploy/smoke.ts";

let server: Deno.HttpServer<Deno.NetAddr> | undefined;

afterEach(async () => await server?.shutdown());

/** Functions that answer a preflight with 204, and anything else in a given way. */
function serve(answer: (request: Request) => Response): string {
  server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, answer);
  return `http://127.0.0.1:${server.addr.port}`;
}

const good = (request: Request): Response => {
  if (request.method === "OPTIONS") return new Response(null, { status: 204 });
  const body = { error: "unauthorized", message: "…", request_id: "1" };
  return Response.json(body, { status: 401, headers: { "X-Request-Id": "1" } });
};

it("finds nothing where every function starts and refuses callers without a key", async () => {
  expect(await smokeTest(serve(good), ["balance", "otp"], { tries: 1 })).toEqual([]);
});

it("names a function that does not start, with what it answered", async () => {
  const url = serve((request) =>
    request.url.endsWith("/otp") ? Response.json({ code: "BOOT_ERROR" }, { status: 503 }) : good(request)
  );
  expect(await smokeTest(url, ["balance", "otp"], { tries: 1 })).toEqual([
    'otp does not start: HTTP 503 {"code":"BOOT_ERROR"}',
  ]);
});

it.each([
  ["lets everybody in", () => Response.json({ balance: 0 })],
  ["refuses in another form", () => Response.json({ msg: "Missing authorization header" }, { status: 401 })],
  ["does not answer JSON", () => new Response("no", { status: 401 })],
])("notices a balance that %s", async (_what, answer) => {
  const url = serve((request) => request.method === "OPTIONS" ? good(request) : answer());
  expect(await smokeTest(url, ["balance"], { tries: 1 })).toEqual([
    expect.stringContaining("balance without a key: expected 401"),
  ]);
});

it("asks again, as a new version needs a moment", async () => {
  let asked = 0;
  const url = serve((request) => ++asked < 3 ? new Response(null, { status: 503 }) : good(request));
  expect(await smokeTest(url, ["otp"], { tries: 3, pauseMs: 1 })).toEqual([]);
  expect(asked).toBe(3);
});
