import type { Bodies } from "../support/bodies.ts";

export default {
  sample: {
    snapshots: [
      {
        date: "2026-01-05",
        morphs: [{ key: "bodybuilderSize", value: 0.42 }, { key: "pearFigure", value: 0.8 }, {
          key: "waist",
          value: 1.1,
        }],
      },
      {
        date: "2026-02-02",
        morphs: [{ key: "bodybuilderSize", value: 0.47 }, { key: "pearFigure", value: 0.72 }, {
          key: "waist",
          value: 0.95,
        }],
      },
      {
        date: "2026-03-02",
        morphs: [{ key: "bodybuilderSize", value: 0.55 }, { key: "pearFigure", value: 0.66 }, {
          key: "waist",
          value: 0.9,
        }],
      },
    ],
  },
  largest: {
    snapshots: Array.from({ length: 24 }, (_, scan) => ({
      date: new Date(Date.UTC(2024, scan, 1)).toISOString().slice(0, 10),
      morphs: Array.from({ length: 60 }, (_, index) => ({
        key: `morph${index}`.padEnd(40, "X"),
        value: (index % 2 ? -1 : 1) * scan * 1.234_567 * (index + 1) / 20,
      })),
    })),
  },
} satisfies Bodies;
