// Calls of a tool over MCP on standard input and output, by the official client.
//   mcp.mjs peer                          a server on the official SDK
//   mcp.mjs ours QUICKSAVE HOME disk      `quicksave mcp`, each call a run on disk; or `process`
//   mcp.mjs many QUICKSAVE HOME           1,000 snippets at a time
//   mcp.mjs serve                         the peer's server
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { percentile, report, timed } from './report.mjs';

const CALLS = 1000;
const RUNS = 1000;
/** Long enough that all of them wait at the same time. */
const SLEEP = 3000;

const [mode, quicksave, home, durability] = process.argv.slice(2);

async function serve() {
  const { McpServer } = await import('@modelcontextprotocol/sdk/server/mcp.js');
  const { StdioServerTransport } = await import('@modelcontextprotocol/sdk/server/stdio.js');
  const { z } = await import('zod');
  const server = new McpServer({ name: 'peer', version: '1' });
  const inputSchema = { a: z.number(), b: z.number() };
  server.registerTool('calc_add', { description: 'Adds', inputSchema }, async ({ a, b }) => ({
    content: [{ type: 'text', text: String(a + b) }],
  }));
  await server.connect(new StdioServerTransport());
}

async function connect(command, args) {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  const client = new Client({ name: 'bench', version: '1' });
  const transport = new StdioClientTransport({ command, args, stderr: 'inherit' });
  await client.connect(transport);
  return { client, pid: transport.pid };
}

function ours(...flags) {
  mkdirSync(home, { recursive: true });
  const photon = 'export default class Calc { add({ a, b }: { a: number; b: number }) { return a + b; } }\n';
  writeFileSync(join(home, 'calc.photon.ts'), photon);
  return connect(quicksave, ['--home', home, ...flags, 'mcp', '--linger', '0s']);
}

async function calls({ client }, row) {
  const call = async (_, i) => {
    const result = await client.callTool({ name: 'calc_add', arguments: { a: i, b: 1 } });
    if (result.content[0].text !== String(i + 1)) throw new Error(`${i} + 1 gave ${JSON.stringify(result)}`);
  };
  await timed(CALLS / 10, call);
  const times = await timed(CALLS, call);
  report(row, percentile(times, 0.5), 'ms');
  report(`${row}.p99`, percentile(times, 0.99), 'ms');
  await client.close();
}

async function many({ client, pid }) {
  const code = (n) => `await new Promise((done) => setTimeout(done, ${SLEEP})); return ${n}`;
  const begun = performance.now();
  const options = { timeout: 120_000 };
  // Each program maps the same image: what is resident would count its pages for every one of them.
  let memory = 0;
  const sample = () => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    memory = Math.max(memory, Number(rollup.match(/^Pss:\s+(\d+) kB/m)[1]) * 1024);
  };
  const sampling = setInterval(sample, 500);
  const done = await Promise.all(
    Array.from({ length: RUNS }, (_, n) => client.callTool({ name: 'code_run', arguments: { code: code(n) } }, undefined, options)),
  );
  const took = performance.now() - begun;
  done.forEach((one, n) => {
    if (one.structuredContent.result !== n) throw new Error(`run ${n} gave ${JSON.stringify(one)}`);
  });
  clearInterval(sampling);
  report('mcp.many', took, 'ms');
  report('mcp.many.memory', memory, 'bytes');
  await client.close();
}

if (mode === 'serve') await serve();
else if (mode === 'peer') await calls(await connect(process.execPath, [process.argv[1], 'serve']), 'mcp.call');
else if (mode === 'ours') await calls(await ours('--durability', durability), durability === 'disk' ? 'mcp.disk' : 'mcp.call');
else await many(await ours('--durability', 'process'));
