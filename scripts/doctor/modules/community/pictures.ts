import { PICTURE_BYTES } from "../../../../supabase/functions/_community/picture_buckets.ts";
import type { Examination, Finding } from "../../finding.ts";

/** Whether Storage keeps to what pictures may be, and lets nobody but the functions write them. */
export const picturesExamination: Examination = {
  name: "pictures",
  async examine({ sql }) {
    const findings: Finding[] = [];
    for (const [bucket, bytes] of Object.entries(PICTURE_BYTES)) {
      const [found] = await sql`
        select public, file_size_limit::integer as limit, allowed_mime_types as types
        from storage.buckets where id = ${bucket}`;
      const isSound = found?.public && found.limit !== null && found.limit <= bytes &&
        found.types?.every((type: string) => ["image/jpeg", "image/png", "image/webp"].includes(type));
      if (isSound) continue;
      findings.push({
        severity: "missing",
        what: found
          ? `The bucket ${bucket} has other limits than its migration gave it`
          : `There is no bucket ${bucket}`,
        why: "Pictures are not shown, or are larger or of other types than they may be",
        fix: `Dashboard: Storage, ${bucket}, Edit bucket: public, ${
          bytes / 1024 / 1024
        } MB, image/jpeg, image/png, image/webp`,
      });
    }
    const policies = await sql`
      select policyname as name from pg_policies
      where schemaname = 'storage' and tablename = 'objects' and cmd <> 'SELECT'
        and roles && array['public', 'anon', 'authenticated']::name[]
        and (coalesce(qual, '') || coalesce(with_check, '') ~ '''(avatars|covers|salon-avatars)'''
          or coalesce(qual, '') || coalesce(with_check, '') !~ 'bucket_id')
      order by policyname`;
    return [
      ...findings,
      ...policies.map(({ name }): Finding => ({
        severity: "missing",
        what: `The policy "${name}" lets users write into a bucket of pictures`,
        why:
          "Whatever they call a picture is public then: only the functions profile and salons look at the bytes",
        fix: `drop policy ${JSON.stringify(name)} on storage.objects`,
      })),
    ];
  },
};
