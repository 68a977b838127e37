import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Suites that start whole meshes, on default ports or with figures to show: one file at a time, with nothing beside. */
const wholeMachine = ['mesh', 'wire', 'docs', 'deploy', 'resilience'].map(
  (folder) => `e2e/${folder}/**/*.test.ts`,
);
const exclude = ['**/node_modules/**', '**/dist/**', 'tools/runtime/**'];
const timeouts = { testTimeout: 20_000, hookTimeout: 60_000 };

export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'apps/*/src/**/*.test.ts',
            'libs/*/src/**/*.test.ts',
            'libs/*/fuzz/**/*.test.ts',
            'tools/**/*.test.ts',
            'e2e/**/*.test.ts',
          ],
          exclude: [...exclude, ...wholeMachine],
          ...timeouts,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'mesh',
          include: wholeMachine,
          exclude,
          ...timeouts,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
