import { describe, expect, it } from 'vitest';
import { said, startRunbookRig } from '../../kit/runbooks/rig.ts';

describe('dlq-overflow on a Cordum that is down', () => {
  it('says that Cordum cannot be reached, and offers nothing', async () => {
    const rig = await startRunbookRig({ cordum: { url: 'http://127.0.0.1:9', apiKey: 'a-key-for-nobody-0000' } });
    const run = await rig.diagnose('dlq-overflow');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Cordum cannot be reached/));
    expect(run.offers.filter(({ status }) => status === 'planned')).toEqual([]);
  });
});
