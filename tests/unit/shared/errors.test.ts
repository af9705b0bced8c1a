import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  AppError,
  type ErrorCode,
  errorResponse,
  STATUS,
  toAppError,
} from "../../../supabase/functions/_shared/platform/errors.ts";

describe("the table of codes", () => {
  it("is the API: no code was renamed or moved to another status", () => {
    expect(STATUS).toMatchObject({
      invalid_request: 400,
      unauthorized: 401,
      insufficient_tokens: 402,
      forbidden: 403,
      not_found: 404,
      method_not_allowed: 405,
      request_in_progress: 409,
      response_not_stored: 410,
      payload_too_large: 413,
      unsupported_media_type: 415,
      idempotency_key_reused: 422,
      upgrade_required: 426,
      rate_limited: 429,
      internal: 500,
      provider_error: 502,
      service_unavailable: 503,
      provider_timeout: 504,
    });
    for (const code of Object.keys(STATUS)) expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });
});

describe("errorResponse", () => {
  it("has the one shape and the code's status for every code", async () => {
    for (const [code, status] of Object.entries(STATUS) as [ErrorCode, number][]) {
      const error = new AppError(code, "Words", { details: { a: 1 }, headers: { "Retry-After": "2" } });
      const response = errorResponse(error, "id");
      expect(response.status).toBe(status);
      expect(response.headers.get("Retry-After")).toBe("2");
      expect(response.headers.get("Content-Type")).toMatch(/^application\/json/);
      expect(await response.json()).toEqual({
        error: code,
        message: "Words",
        request_id: "id",
        details: { a: 1 },
      });
    }
  });

  it("leaves details out where there are none, and the cause always", async () => {
    const error = new AppError("internal", "Words", { cause: new Error("a secret") });
    expect(await errorResponse(error, "id").text()).toBe(
      '{"error":"internal","message":"Words","request_id":"id"}',
    );
  });
});

describe("toAppError", () => {
  it("passes an AppError on as it is", () => {
    const error = new AppError("forbidden", "Words");
    expect(toAppError(error)).toBe(error);
  });

  it("makes anything else internal, and shows nothing of it (mistake 17)", () => {
    fc.assert(fc.property(fc.anything(), fc.uuid(), (thrown, secret) => {
      for (const one of [thrown, new Error(secret), secret]) {
        const error = toAppError(one);
        expect(error.code).toBe("internal");
        expect(error.cause).toBe(one);
        expect(error.message).not.toContain(secret);
        expect(error.details).toBeUndefined();
      }
    }));
  });
});
