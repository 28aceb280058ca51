import { defineConfig } from 'vitest/config';

/** CI's machine has two cores. Files that wait for servers leave room for another one. */
const WORKERS = 2;

// Whoever runs the tests may have a bot of their own configured: its settings are none of the tests' business.
for (const name of Object.keys(process.env)) if (name.startsWith('RUNBOOK_BOT_')) delete process.env[name];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: WORKERS,
    allowOnly: false,
    passWithNoTests: false,
    // A test that leaves a stubbed global or a spy behind would speak for the next one.
    restoreMocks: true,
    unstubGlobals: true,
    unstubEnvs: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          include: ['test/{unit,contract,scenarios,architecture}/**/*.test.ts'],
          testTimeout: 15_000,
          hookTimeout: 15_000,
        },
      },
      {
        // Real processes and real time, after the quick ones. Each file has its own servers, folders and ports, so two run side by side.
        extends: true,
        test: {
          name: 'integration',
          include: ['test/{integration,e2e,simulation}/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
