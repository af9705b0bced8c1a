import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import Provider from "oidc-provider";

/** The requests to the token endpoint: which grant, and when. */
export interface TokenCall {
  grant: string;
  atMs: number;
}

/** A real OpenID provider on a loopback address, which rotates refresh tokens and ends a grant whose token is used twice. */
export interface OpenIdProvider {
  issuer: string;
  /** For OAUTH_PROVIDERS: the clients of the given names. */
  settings(name: "machine" | "people", options?: Record<string, unknown>): Record<string, unknown>;
  /** Requests to the token endpoint, those that were made to fail included. */
  calls: TokenCall[];
  /** Revocations that the provider took. */
  revocations: number;
  /** Grants that were ended as a refresh token came twice. */
  reuses: number;
  /** Answers the next requests to the token endpoint with a status, and nothing of OAuth. */
  fail(status: number, times: number, headers?: Record<string, string>): void;
  /** Answers the next request to the token endpoint with a status and a JSON body. */
  answerOnce(status: number, body: unknown, headers?: Record<string, string>): void;
  /** Changes what the token endpoint answers of itself, as other providers word it; undefined leaves it as it is. */
  amend?: (answer: Record<string, unknown>) => Record<string, unknown>;
  /** How long the token endpoint takes before it looks at a request. */
  delayMs: number;
  /** Keeps the next request to the token endpoint waiting: before it is looked at, or with its answer. */
  pause(when: "before" | "after"): { arrived: Promise<void>; release(): void };
  /** Goes through login and consent as a browser does, and returns the address that the provider sends it to. */
  visit(authorizationUrl: string, options?: { account?: string; isDenied?: boolean }): Promise<string>;
  /** Whether an access token is good, as the provider's userinfo endpoint says. */
  isGood(accessToken: string): Promise<boolean>;
  stop(): Promise<void>;
}

export interface OpenIdProviderOptions {
  /** Where it sends browsers. */
  redirectUri: string;
  accessTokenS?: number;
}

const SECRET = "a-secret-of-the-client-that-is-long-enough";

/** Starts one on a free port. */
export async function startOpenIdProvider(
  { redirectUri, accessTokenS = 3_600 }: OpenIdProviderOptions,
): Promise<OpenIdProvider> {
  const failures: { status: number; headers: Record<string, string>; body: string }[] = [];
  const pauses: { when: "before" | "after"; arrive(): void; released: Promise<void> }[] = [];
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as { port: number }).port}`;

  const oidc = new Provider(issuer, {
    clients: [
      {
        client_id: "machine",
        client_secret: SECRET,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: "people",
        client_secret: SECRET,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [redirectUri],
        response_types: ["code"],
      },
    ],
    pkce: { required: () => true },
    features: {
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
      userinfo: { enabled: true },
    },
    scopes: ["openid", "offline_access", "fleet"],
    rotateRefreshToken: true,
    // Without `prompt=consent` a provider may leave the refresh token out.
    issueRefreshToken: () => Promise.resolve(true),
    ttl: {
      AccessToken: accessTokenS,
      ClientCredentials: accessTokenS,
      RefreshToken: 86_400,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 600,
      IdToken: 600,
      AuthorizationCode: 60,
    },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    cookies: { keys: ["a key of a test"] },
    renderError: (
      context: { type: string; body: unknown },
      { error, error_description }: Record<string, string>,
    ) => {
      context.type = "json";
      context.body = { error, error_description };
    },
  });
  const answer = oidc.callback();

  const provider: OpenIdProvider = {
    issuer,
    settings: (name, options = {}) => ({
      issuer,
      client_id: name,
      client_secret: SECRET,
      grants: [name === "machine" ? "client_credentials" : "authorization_code"],
      ...name === "people"
        ? { user_scope: "openid offline_access", authorize_parameters: { prompt: "consent" } }
        : {},
      ...options,
    }),
    calls: [],
    revocations: 0,
    reuses: 0,
    delayMs: 0,
    fail: (status, times, headers = {}) => {
      const failure = {
        status,
        headers: { "Content-Type": "text/plain", ...headers },
        body: "failed by a test",
      };
      for (let count = 0; count < times; count++) failures.push(failure);
    },
    answerOnce(status, body, headers = {}) {
      const typed = { "Content-Type": "application/json", ...headers };
      failures.push({ status, headers: typed, body: JSON.stringify(body) });
    },
    pause(when) {
      const arrival = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      pauses.push({ when, arrive: arrival.resolve, released: release.promise });
      return { arrived: arrival.promise, release: release.resolve };
    },
    visit,
    async isGood(accessToken) {
      const response = await fetch(`${issuer}/me`, { headers: { Authorization: `Bearer ${accessToken}` } });
      await response.body?.cancel();
      return response.status === 200;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  oidc.on("grant.error", (_context: unknown, error: { error_detail?: string; message: string }) => {
    if (/already used/.test(`${error.error_detail} ${error.message}`)) provider.reuses++;
  });
  server.on("request", (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  return provider;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url!, issuer).pathname;
    if (path.startsWith("/interaction/")) return await interact(request, response);
    if (path === "/token/revocation") provider.revocations++;
    if (path !== "/token") return void answer(request, response);
    const body = await readBody(request);
    const grant = new URLSearchParams(body).get("grant_type") ?? "";
    provider.calls.push({ grant, atMs: performance.now() });
    const pause = pauses.shift();
    if (pause?.when === "before") {
      pause.arrive();
      await pause.released;
    }
    if (provider.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, provider.delayMs));
    const failure = failures.shift();
    if (failure) {
      response.writeHead(failure.status, failure.headers);
      return void response.end(failure.body);
    }
    const { amend } = provider;
    if (amend) {
      const end = response.end.bind(response);
      response.end = ((text: string) => {
        const amended = response.statusCode === 200 ? JSON.stringify(amend(JSON.parse(text))) : text;
        response.setHeader("Content-Length", new TextEncoder().encode(amended).length);
        return end(amended);
      }) as typeof response.end;
    }
    if (pause?.when === "after") {
      const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
      response.end = ((...args: unknown[]) => {
        pause.arrive();
        pause.released.then(() => end(...args));
        return response;
      }) as typeof response.end;
    }
    // The body that an earlier parser has read; oidc-provider takes it from there.
    Object.assign(request, { body: Object.fromEntries(new URLSearchParams(body)) });
    answer(request, response);
  }

  /** Logs in and consents, or refuses, without asking. */
  async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wish = new URLSearchParams(
      /wish=([^;]*)/.exec(request.headers.cookie ?? "")?.[1]?.replaceAll("|", "&"),
    );
    const { prompt, params, session, grantId } = await oidc.interactionDetails(request, response);
    if (wish.get("denied") === "true") {
      const refusal = { error: "access_denied", error_description: "the user said no" };
      return await oidc.interactionFinished(request, response, refusal, { mergeWithLastSubmission: false });
    }
    if (prompt.name === "login") {
      const login = { login: { accountId: wish.get("account") ?? "somebody" } };
      return await oidc.interactionFinished(request, response, login, { mergeWithLastSubmission: false });
    }
    const grant = grantId === undefined ? undefined : await oidc.Grant.find(grantId);
    const known = grant ??
      new oidc.Grant({ accountId: session!.accountId, clientId: String(params.client_id) });
    known.addOIDCScope("openid offline_access");
    const consent = { consent: { grantId: await known.save() } };
    await oidc.interactionFinished(request, response, consent, { mergeWithLastSubmission: true });
  }

  async function visit(
    authorizationUrl: string,
    { account = "somebody", isDenied = false }: { account?: string; isDenied?: boolean } = {},
  ): Promise<string> {
    const cookies = new Map([["wish", `account=${account}|denied=${isDenied}`]]);
    let url = authorizationUrl;
    for (let step = 0; step < 10; step++) {
      if (!url.startsWith(issuer)) return url;
      const response = await fetch(url, {
        redirect: "manual",
        headers: { Cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      });
      const text = await response.text();
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        if (name) cookies.set(name, value!);
      }
      const location = response.headers.get("Location");
      if (location === null) {
        throw new Error(`The provider sent the browser nowhere: ${response.status} ${text}`);
      }
      url = new URL(location, url).href;
    }
    throw new Error("The provider sent the browser around for too long");
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += new TextDecoder().decode(chunk);
  return text;
}
