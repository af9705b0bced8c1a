/** Buckets of pictures that everybody sees, and how many bytes a file may have, as the bucket says itself. */
export const PICTURE_BYTES = {
  avatars: 2 * 1024 * 1024,
  covers: 5 * 1024 * 1024,
  "salon-avatars": 2 * 1024 * 1024,
};

export type PictureBucket = keyof typeof PICTURE_BYTES;
