// A server on the official SDK that writes every call down: what was called, with which key.
//   node counter.mjs FILE
import { appendFileSync, existsSync } from 'node:fs';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const file = process.argv[2];
const server = new McpServer({ name: 'counter', version: '1' });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function noted(tool, args, extra) {
  appendFileSync(file, `${JSON.stringify({ tool, args, key: extra._meta?.idempotencyKey, pid: process.pid })}\n`);
}

server.registerTool(
  'add_one',
  { description: 'Adds one, slowly', inputSchema: { n: z.number(), ms: z.number().optional() } },
  async ({ n, ms = 0 }, extra) => {
    noted('add_one', { n }, extra);
    await sleep(ms);
    return { content: [{ type: 'text', text: JSON.stringify({ sum: n + 1 }) }] };
  },
);
server.registerTool(
  'pay',
  {
    description: 'Pays, which must not be done twice',
    inputSchema: { ms: z.number() },
    annotations: { destructiveHint: true, idempotentHint: false },
  },
  async ({ ms }, extra) => {
    noted('pay', {}, extra);
    await sleep(ms);
    return { content: [{ type: 'text', text: 'paid' }] };
  },
);
server.registerTool(
  'look',
  { description: 'Looks', inputSchema: { ms: z.number() }, annotations: { readOnlyHint: true } },
  async ({ ms }, extra) => {
    noted('look', {}, extra);
    await sleep(ms);
    return { content: [{ type: 'text', text: 'seen' }], structuredContent: { seen: true } };
  },
);
server.registerTool('fail', { description: 'Fails' }, async () => ({
  content: [{ type: 'text', text: 'no such repository' }],
  isError: true,
}));
server.registerTool('die', { description: 'Ends the server' }, async () => process.exit(3));
server.registerTool('hang', { description: 'Never answers' }, () => new Promise(() => {}));
server.registerTool('picture', { description: 'A picture' }, async () => ({
  content: [{ type: 'image', data: 'AAEC', mimeType: 'image/png' }],
}));
server.registerTool('big', { description: 'Much', inputSchema: { size: z.number() } }, async ({ size }) => ({
  content: [{ type: 'text', text: 'x'.repeat(size) }],
}));

if (process.argv.includes('--garbage')) process.stdout.write('this is no JSON-RPC\n{"half":\n');
if (process.argv.includes('--dead') || (process.argv.includes('--once') && existsSync(`${file}.once`))) {
  console.error('there is no licence');
  process.exit(1);
}
await server.connect(new StdioServerTransport());
