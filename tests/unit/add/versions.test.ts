import { expect, it } from "vitest";

import { newVersions } from "../../../scripts/add/versions.ts";

const now = new Date("2026-03-01T12:00:00Z");

it("new migrations come after the last, and not after what is made in a moment", () => {
  expect(newVersions(2, [], now)).toEqual(["20260301115958", "20260301115959"]);
  expect(newVersions(2, ["20260102000000_a.sql", "20260101000000_b.sql"], now))
    .toEqual(["20260301115958", "20260301115959"]);
});

it("they come after one that is later than now", () => {
  expect(newVersions(2, ["20261231235959_a.sql"], now)).toEqual(["20270101000000", "20270101000001"]);
  expect(newVersions(1, ["20260301115959_a.sql"], now)).toEqual(["20260301120000"]);
});

it("an old project's short versions are no obstacle, and one that is no time is named", () => {
  expect(newVersions(1, ["0001_init.sql"], now)).toEqual(["20260301115959"]);
  expect(() => newVersions(1, ["99999999999999_a.sql"], now)).toThrow("99999999999999, is no time");
});
