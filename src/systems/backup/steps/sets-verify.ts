import { defineRead, fail, succeed, z } from '#step-kit/index.ts';
import { Backup } from '../system.ts';
import { sizeText } from '../words.ts';

/** As many sets of a store are looked through for the one that is asked for. */
const LOOKED_THROUGH = 10_000;
const MOST_PROBLEMS = 50;
const TEXT_MAX = 500;

export const setsVerify = defineRead({
  name: 'backup.sets.verify',
  summary: 'Reads the files of one backup: digests against its manifest, headers, checksums and archives. It restores nothing, so it proves less than a drill.',
  timeoutMs: 10 * 60_000,
  input: z.object({
    set: z.string().regex(/^(?:redis|nats|config)-\d{8}T\d{6}Z$/, 'expected the name of a backup, such as redis-20261121T060000Z'),
    /** A larger one is left alone, since all of it would have to be read. */
    maxBytes: z.int().min(1).default(1_073_741_824),
  }),
  output: z.object({
    set: z.string(),
    /** False: it was larger than `maxBytes`. */
    looked: z.boolean(),
    /** It was read, and nothing speaks against it. */
    sound: z.boolean(),
    /** Its manifest says what it should be. Without one, bytes that were lost earlier may go unseen. */
    manifest: z.boolean(),
    bytes: z.int(),
    problems: z.array(z.object({ /** Empty: about the whole. */ file: z.string(), problem: z.string() })),
    notes: z.array(z.object({ text: z.string() })),
    truncated: z.boolean(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'A file that was damaged after it was taken',
      with: { set: 'redis-20261121T060000Z' },
      output: { set: 'redis-20261121T060000Z', looked: true, sound: false, manifest: true, bytes: 4_096, problems: [{ file: 'redis-20261121T060000Z.rdb', problem: 'its digest is not the one in the manifest' }], notes: [], truncated: false, say: 'redis-20261121T060000Z is damaged: redis-20261121T060000Z.rdb: its digest is not the one in the manifest.' },
    },
  ],
  async run({ set, maxBytes }, ctx) {
    const client = ctx.use(Backup);
    const listed = await client.list(LOOKED_THROUGH, ctx);
    if (!listed.ok) return listed;
    const found = listed.value.sets.find((one) => one.set === set);
    if (found === undefined) return fail('notFound', `There is no backup ${set} in ${client.directory}.`);
    const { bytes } = found;
    const manifest = found.manifest === 'there';
    const none = { set, manifest, bytes, problems: [], notes: [], truncated: false };
    if (bytes > maxBytes) return succeed({ ...none, looked: false, sound: false, say: `${set} was not read: it has ${sizeText(bytes)}, and at most ${sizeText(maxBytes)} are read here. \`runbook-bot backup verify\` reads all of it.` });
    const verdict = await client.verify(set, ctx);
    if (!verdict.ok) return verdict;
    if (verdict.value === undefined) return fail('notFound', `${set} is gone from ${client.directory}.`);
    const { problems, notes } = verdict.value;
    const [first] = problems;
    const what = first === undefined ? '' : `${first.file === '' ? '' : `${first.file}: `}${first.problem}`.replace(/\.$/, '');
    return succeed({
      ...none,
      looked: true,
      sound: first === undefined,
      problems: problems.slice(0, MOST_PROBLEMS).map(({ file, problem }) => ({ file: file.slice(0, TEXT_MAX), problem: problem.slice(0, TEXT_MAX) })),
      notes: notes.map((text) => ({ text: text.slice(0, TEXT_MAX) })),
      truncated: problems.length > MOST_PROBLEMS,
      say: first !== undefined ? `${set} ${first.unread === true ? 'cannot be looked at' : 'is damaged'}: ${what.slice(0, TEXT_MAX)}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}.` : manifest ? `${set} is what was backed up, byte by byte.` : `${set} can be read; whether it is what was backed up cannot be told without a manifest.`,
    });
  },
});
