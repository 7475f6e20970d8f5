// The official clients, behind one face: SDK 1 (protocol 2025-11-25) and SDK 2 (protocol 2026-07-28), on stdio and HTTP.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

export const quicksave = process.env.QUICKSAVE;

/** Whoever wants a server: which SDK, over what. */
export const flavours = [
  { sdk: 1, http: false },
  { sdk: 1, http: true },
  { sdk: 2, http: false },
  { sdk: 2, http: true },
].map((one) => ({ ...one, name: `SDK ${one.sdk} over ${one.http ? 'HTTP' : 'stdio'}` }));

/** A home that is removed in the end. */
export async function inHome(body) {
  const home = mkdtempSync(join(tmpdir(), 'quicksave-mcp-'));
  try {
    return await body(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The command itself, with its JSON. */
export function ours(home, ...args) {
  const done = spawnSync(quicksave, ['--home', home, '--json', ...args], { encoding: 'utf8' });
  return JSON.parse(done.stdout || 'null');
}

/** Waits until `look` gives something. */
export async function eventually(look, what, patience = 10_000) {
  const until = Date.now() + patience;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > until) throw new Error(`it did not come to: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** A server over HTTP; `env.COMMAND` is another command than ours, which starts it. */
export async function serve(home, args = [], env = {}) {
  const child = spawn(env.COMMAND ?? quicksave, ['--home', home, 'mcp', '--http', '0', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  let text = '';
  child.stderr.on('data', (data) => (text += data));
  const url = await eventually(() => {
    if (child.exitCode !== null) throw new Error(`the server ended: ${text}`);
    return text.match(/listening on (\S+)/)?.[1];
  }, 'a server');
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal);
    await ended;
  };
  return { url, stop, child, stderr: () => text };
}

/**
 * A connected client. `answer(message, schema)` gives the result of an elicitation; without it the client cannot be
 * asked.
 */
export async function connect(flavour, home, { answer, args = [], env = {}, headers = {} } = {}) {
  const server = flavour.http ? await serve(home, args, env) : null;
  const asked = [];
  const logs = [];
  const elicit = async (request) => {
    asked.push(request.params);
    return answer(request.params.message, request.params.requestedSchema, request.params);
  };
  let changed = 0;
  const capabilities = answer ? { elicitation: { form: {}, url: {} } } : {};
  const command = { command: quicksave, args: ['--home', home, 'mcp', ...args], env: { ...process.env, ...env }, stderr: 'pipe' };
  let client, transport;
  if (flavour.sdk === 1) {
    client = new Client1({ name: 'test', version: '1' }, { capabilities });
    if (answer) client.setRequestHandler(ElicitRequestSchema, elicit);
    client.setNotificationHandler(LoggingMessageNotificationSchema, (one) => void logs.push(one.params));
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changed++);
    transport = server ? new Http1(new URL(server.url), { requestInit: { headers } }) : new Stdio1(command);
  } else {
    client = new Client2(
      { name: 'test', version: '1' },
      {
        capabilities,
        versionNegotiation: { mode: { pin: '2026-07-28' } },
        listChanged: { tools: { onChanged: () => void changed++, debounceMs: 0 } },
      },
    );
    if (answer) client.setRequestHandler('elicitation/create', elicit);
    transport = server ? new Http2(new URL(server.url), { requestInit: { headers } }) : new Stdio2(command);
  }
  let stderr = '';
  if (!server) transport.stderr?.on('data', (data) => (stderr += data));
  await client.connect(transport);
  const call = async (name, params = {}, options = {}) => {
    const request = { name, arguments: params };
    return flavour.sdk === 1 ? client.callTool(request, undefined, options) : client.callTool(request, options);
  };
  return {
    client,
    call,
    /** The result of a snippet. */
    code: async (code, options) => (await call('code_run', { code }, options)).structuredContent,
    asked,
    logs,
    changed: () => changed,
    stderr: () => (server ? server.stderr() : stderr),
    pid: () => (server ? server.child.pid : transport.pid),
    server,
    close: async () => {
      await client.close();
      await server?.stop();
    },
  };
}
