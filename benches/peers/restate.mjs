// Restate: its server from npm on loopback, with its defaults (its log is synced), and a handler of no-op steps.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import './node22.mjs';
import { report, reportSteps } from './report.mjs';

const restate = await import('@restatedev/restate-sdk');
const START_WITHIN_MS = 30_000;
const WORKFLOWS = 64;
const STEPS = 10;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const steps = restate.service({
  name: 'bench',
  handlers: {
    steps: async (ctx, n) => {
      const times = [];
      for (let i = 0; i < n; i++) {
        const start = performance.now();
        await ctx.run('step', () => i);
        times.push(performance.now() - start);
      }
      return times;
    },
  },
});

const [ingress, admin, node, service] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'restate-'));
const platform = `@restatedev/restate-server-${process.platform}-${process.arch}/package.json`;
const binary = join(createRequire(import.meta.url).resolve(platform), '../bin/restate-server');
const server = spawn(binary, ['--no-logo', '--base-dir', folder, '--listen-mode', 'tcp'], {
  env: {
    ...process.env,
    DO_NOT_TRACK: '1',
    RESTATE_DISABLE_TELEMETRY: 'true',
    RESTATE_LOG_FILTER: 'error',
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
  },
  stdio: ['ignore', 'ignore', 'pipe'],
});
let complaint = '';
server.stderr.on('data', (text) => (complaint = `${complaint}${text}`.slice(-2000)));
let exited = false;
server.on('exit', () => (exited = true));
server.on('error', (error) => {
  exited = true;
  complaint = String(error);
});

// The benchmark ends a peer that takes too long; its server must not stay behind.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.kill('SIGKILL');
    process.exit(1);
  });
}

async function until(what, attempt) {
  const deadline = performance.now() + START_WITHIN_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (exited) throw new Error(`restate-server ended: ${complaint.trim().split('\n').pop()}`);
      if (performance.now() > deadline) throw new Error(`${what} within ${START_WITHIN_MS} ms: ${error.message}`);
      await new Promise((wake) => setTimeout(wake, 200));
    }
  }
}

async function post(port, path, body) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

try {
  // Its log lines per invocation would be part of what is measured.
  await restate.serve({ services: [steps], port: service, logger: () => {} });
  await until('no deployment could be registered', () =>
    post(admin, '/deployments', { uri: `http://127.0.0.1:${service}` }));
  await until('no invocation succeeded', () => post(ingress, '/bench/steps', STEPS));

  const times = [];
  for (let i = 0; i < 20; i++) times.push(...(await post(ingress, '/bench/steps', STEPS)));
  reportSteps(times);

  // The first wave opens connections.
  for (const counts of [false, true]) {
    const start = performance.now();
    await Promise.all(Array.from({ length: WORKFLOWS }, () => post(ingress, '/bench/steps', STEPS)));
    const seconds = (performance.now() - start) / 1000;
    if (counts) report('steps.concurrent', (WORKFLOWS * STEPS) / seconds, 'per_s');
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
