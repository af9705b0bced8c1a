import { afterEach, describe, expect, it } from "vitest";

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

describe("with a secret key", () => {
  const withTrials = (...trials: { trial: string; outcome: string; message: string }[]) =>
    serve((request) => {
      if (!request.url.endsWith("/alerts/try-platform")) return good(request);
      return request.headers.get("apikey") === "secret"
        ? Response.json({ trials })
        : Response.json({ error: "unauthorized" }, { status: 401 });
    });
  const options = { tries: 1, secretKey: "secret" };

  it("has the functions try their platform; what is not tried is no problem", async () => {
    const url = withTrials(
      { trial: "sealing", outcome: "good", message: "" },
      { trial: "picture", outcome: "untried", message: "no https" },
    );
    expect(await smokeTest(url, ["alerts"], options)).toEqual([]);
    expect(await smokeTest(url, ["alerts"], { ...options, secretKey: "another" })).toEqual([
      expect.stringContaining("alerts/try-platform answered HTTP 401"),
    ]);
  });

  it("says what the platform does wrong, and what to do", async () => {
    const url = withTrials({ trial: "refusing", outcome: "bad", message: "An altered envelope is opened" });
    expect(await smokeTest(url, ["alerts"], options)).toEqual([
      expect.stringMatching(
        /^the platform fails at refusing: An altered envelope is opened\. .*last deployment/,
      ),
    ]);
  });

  it("says so where functions serve nothing, as envelopes protect nothing there", async () => {
    const message = "The platform cannot protect secrets: nothing is served";
    const url = serve((request) =>
      request.method === "OPTIONS"
        ? good(request)
        : Response.json({ error: "service_unavailable", message }, { status: 503 })
    );
    expect(await smokeTest(url, ["alerts"], options)).toEqual([
      expect.stringMatching(/^the platform fails at refusing: The platform cannot protect secrets/),
    ]);
  });

  it("tries nothing where alerts are not deployed", async () => {
    const url = withTrials({ trial: "refusing", outcome: "bad", message: "" });
    expect(await smokeTest(url, ["balance"], options)).toEqual([]);
  });
});
