export default {
  files: ['test/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=tsx'],
  // A process per file: a crash in native code fails one file and not the run, and tsx needs it on Node 20.
  workerThreads: false,
  // Mounts and copies compete for disk and locks; more files at once make timing tests flaky.
  concurrency: 2,
  // Without any test finishing. A single test that may hang sets its own t.timeout().
  timeout: '5m',
};
