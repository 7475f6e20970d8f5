// What clients that nobody here wrote get from `quicksave mcp`.
//   QUICKSAVE=path/to/quicksave node --test tests/mcp
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { connect, eventually, flavours, inHome, ours, quicksave, serve } from './support.mjs';

const here = new URL('.', import.meta.url).pathname;
const accept = (content) => ({ action: 'accept', content });

/** A test with each client. */
function each(what, body, only = () => true) {
  for (const flavour of flavours.filter(only)) {
    test(`${flavour.name}: ${what}`, { timeout: 60_000 }, () => inHome((home) => body(flavour, home)));
  }
}

/** With a connected client. */
function connected(what, options, body, only) {
  each(
    what,
    async (flavour, home) => {
      const one = await connect(flavour, home, options);
      try {
        await body(one, home, flavour);
      } finally {
        await one.close();
      }
    },
    only,
  );
}

connected('a session begins, and says what there is', {}, async ({ client }) => {
  assert.equal(client.getServerVersion().name, 'quicksave');
  assert.match(client.getInstructions(), /code_run/);
  const can = client.getServerCapabilities();
  assert.ok(can.tools?.listChanged && can.resources);
});

connected('tools are listed with names and schemas that every client takes', {}, async ({ client }) => {
  const { tools, nextCursor } = await client.listTools();
  assert.equal(nextCursor, undefined);
  const names = tools.map((tool) => tool.name);
  for (const name of ['run', 'list_runs', 'get_run', 'resume_run', 'delete_run', 'save_as_photon']) {
    assert.ok(names.includes(`code_${name}`), name);
  }
  for (const tool of tools) {
    assert.match(tool.name, /^[A-Za-z0-9_-]{1,64}$/);
    assert.equal(tool.inputSchema.type, 'object');
    assert.ok(tool.description.length > 10);
  }
  const hints = tools.find((tool) => tool.name === 'code_list_runs').annotations;
  assert.equal(hints.readOnlyHint, true);
});

connected('a snippet runs, and is a run afterwards', {}, async ({ call }, home) => {
  const result = await call('code_run', { code: 'console.log("hello"); const n: number = 6; return { answer: n * 7 }' });
  const { runId, status, result: value, logs } = result.structuredContent;
  assert.deepEqual({ status, value, logs }, { status: 'completed', value: { answer: 42 }, logs: 'hello\n' });
  assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent);
  assert.ok(!result.isError);
  // Every spelling of the seeds is taken.
  for (const name of ['code:list-runs', 'code:list_runs', 'code-list-runs', 'code_list_runs']) {
    const listed = (await call(name, { limit: 5 })).structuredContent;
    assert.deepEqual(listed.runs.map((run) => [run.runId, run.status, run.tool]), [[runId, 'completed', 'code']], name);
  }
  const got = (await call('code:get-run', { runId })).structuredContent;
  assert.deepEqual(got.result, { answer: 42 });
  assert.equal(ours(home, 'show', runId).status, 'completed');
  assert.deepEqual((await call('code_delete_run', { runId })).structuredContent, { runId, deleted: true });
  assert.equal((await call('code_get_run', { runId })).isError, true);
});

connected('errors say what is wrong', {}, async ({ call, client, code }) => {
  const thrown = await call('code_run', { code: 'throw new TypeError("no such thing")' });
  assert.equal(thrown.isError, true);
  assert.match(thrown.structuredContent.error, /no such thing/);
  assert.equal(thrown.structuredContent.status, 'failed');
  const syntax = await call('code_run', { code: 'return (' });
  assert.equal(syntax.isError, true);
  assert.match(syntax.content[0].text, /code\.ts:1/);
  const missing = await call('code_run', {});
  assert.equal(missing.isError, true);
  assert.match(missing.content[0].text, /code/);
  const id = await call('code_get_run', { runId: '../x' });
  assert.match(id.content[0].text, /not a run id/);
  await assert.rejects(call('no_such_tool'), (error) => error.code === -32602 && /no_such_tool/.test(error.message));
  await assert.rejects(client.listTools({ cursor: 'nonsense' }), (error) => error.code === -32602);
  await assert.rejects(client.readResource({ uri: 'run://no_such_run' }));
  // The session has survived all that.
  assert.equal((await code('return 1')).result, 1);
});

connected('a time limit ends a run', {}, async ({ call }) => {
  const began = Date.now();
  const result = await call('code_run', { code: 'await new Promise(() => setTimeout(() => {}, 60_000))', timeout: 300 });
  assert.equal(result.structuredContent.status, 'timed_out');
  assert.equal(result.isError, true);
  const loop = await call('code_run', { code: 'for (;;) {}', timeout: 300 });
  assert.equal(loop.structuredContent.status, 'timed_out');
  assert.ok(Date.now() - began < 20_000);
});

connected('what a run shows becomes progress, which grows, and log lines', {}, async ({ code, logs }, _, flavour) => {
  const seen = [];
  const program = `yield { emit: 'progress', value: 0.25, message: 'a quarter' };
    yield { emit: 'status', message: 'thinking' };
    yield { emit: 'progress', value: 0.1, message: 'again' };
    yield { emit: 'progress', value: 1 };
    yield { emit: 'log', level: 'warn', message: 'careful' };
    // A client may drop what it reads together with the result.
    await new Promise((resolve) => setTimeout(resolve, 200));
    return 'done'`;
  const { result } = await code(program, { onprogress: (one) => void seen.push(one) });
  assert.equal(result, 'done');
  assert.deepEqual(seen.map((one) => one.message), ['a quarter', 'thinking', 'again', undefined]);
  assert.ok(seen.every((one, at) => one.total === 1 && (at === 0 || one.progress > seen[at - 1].progress)));
  assert.equal(seen[0].progress, 0.25);
  if (flavour.sdk === 1) {
    const line = await eventually(() => logs.find((one) => one.data === 'careful'), 'a log line');
    assert.equal(line.level, 'warning');
  }
});

const questions = [
  [`{ ask: 'text', message: 'Name?', minLength: 2 }`, accept({ answer: 'Ada' }), 'Ada'],
  [`{ ask: 'confirm', message: 'Sure?' }`, accept({ answer: false }), false],
  [`{ ask: 'number', message: 'How many?', min: 1, max: 9 }`, accept({ answer: 4 }), 4],
  [`{ ask: 'select', message: 'Which?', options: [{ value: 7, label: 'Seven' }, { value: 8, label: 'Eight' }] }`,
    accept({ answer: '8' }), 8],
  [`{ ask: 'select', multi: true, message: 'Which?', options: ['a', 'b', 'c'] }`, accept({ answer: ['c', 'a'] }), ['c', 'a']],
  [`{ ask: 'date', message: 'When?' }`, accept({ answer: '2026-03-06' }), '2026-03-06'],
  [`{ ask: 'form', message: 'Who?', schema: { type: 'object', properties: { name: { type: 'string' },
      age: { type: 'integer' } }, required: ['name'] } }`,
    accept({ name: 'Ada', age: 36 }), { action: 'accept', content: { name: 'Ada', age: 36 } }],
  [`{ ask: 'url', message: 'Look there', url: 'https://example.com/x' }`, { action: 'accept' }, true],
];
connected(
  'questions of every kind are elicitations',
  { answer: (message, _, params) => questions.find(([ask]) => ask.includes(`'${message}'`) && (message !== 'Which?' || ask.includes('multi') === (params.requestedSchema.properties.answer.type === 'array')))[1] },
  async ({ code, asked }) => {
    for (const [ask, , expected] of questions) {
      const done = await code(`const got = yield ${ask}; return { got }`);
      assert.equal(done.status, 'completed', JSON.stringify(done));
      assert.deepEqual(done.result.got, expected, ask);
    }
    assert.equal(asked.length, questions.length);
    assert.equal(asked.at(-1).url, 'https://example.com/x');
  },
);

let tries = 0;
connected(
  'an answer that does not fit is asked for again',
  { answer: () => accept({ answer: tries++ % 2 === 0 ? 'x' : 'long enough' }) },
  async ({ code, asked }) => {
    tries = 0;
    assert.equal((await code(`return yield { ask: 'text', message: 'Say', minLength: 3 }`)).result, 'long enough');
    assert.equal(asked.length, 2);
    assert.match(asked[1].message, /at least 3 characters/);
  },
);

connected('one question after the other', { answer: (message) => accept({ answer: `to ${message}` }) }, async ({ code }) => {
  const program = `const first = yield { ask: 'text', message: 'one' };
    const second = yield { ask: 'text', message: 'two' };
    return [first, second]`;
  assert.deepEqual((await code(program)).result, ['to one', 'to two']);
});

const asking = `const name = yield { ask: 'text', id: 'who', message: 'Name?' }; return 'hello ' + name`;
async function waits({ call, code }, home) {
  const done = await code(asking);
  assert.equal(done.status, 'waiting', JSON.stringify(done));
  assert.deepEqual([done.waitingFor[0].kind, done.waitingFor[0].message], ['ask', 'Name?']);
  assert.match(done.next, /code_resume_run/);
  const wrong = await call('code_resume_run', { runId: done.runId, answer: 5 });
  assert.equal(wrong.isError, true);
  const resumed = await call('code_resume_run', { runId: done.runId, answer: 'Ada' });
  assert.equal(resumed.structuredContent.result, 'hello Ada');
  // Once more gives the recorded result, and nothing runs again.
  const again = await call('code_resume_run', { runId: done.runId });
  assert.equal(again.structuredContent.result, 'hello Ada');
  assert.equal(ours(home, 'show', done.runId).status, 'completed');
}
connected('without elicitation a run waits, and is answered by a tool', {}, waits);
connected('a declined question leaves the run waiting', { answer: () => ({ action: 'decline' }) }, waits);

connected('passwords are not elicited', { answer: () => accept({ answer: 'secret' }) }, async ({ code, asked }, home) => {
  const done = await code(`return (yield { ask: 'password', message: 'Password?' }).length`);
  assert.equal(done.status, 'waiting');
  assert.equal(asked.length, 0);
});

connected('a cancelled call ends the run', {}, async ({ call }, home, flavour) => {
  const abort = new AbortController();
  const calling = call('code_run', { code: 'await new Promise((resolve) => setTimeout(resolve, 30_000)); return 1' }, { signal: abort.signal });
  calling.catch(() => {});
  const { runId } = await eventually(() => ours(home, 'list').runs[0], 'a run');
  abort.abort('not needed');
  await assert.rejects(calling);
  // Over HTTP a client of 2026-07-28 cancels by leaving, and whoever leaves lets the run go on.
  const expected = flavour.sdk === 2 && flavour.http ? 'running' : 'cancelled';
  await eventually(() => ours(home, 'show', runId).status === expected, expected);
});

connected(
  'progress keeps a client waiting that would give up',
  {},
  async ({ call }, home) => {
    const seen = [];
    const options = { timeout: 7000, resetTimeoutOnProgress: true, onprogress: (one) => void seen.push(one.progress) };
    const code = 'await new Promise((resolve) => setTimeout(resolve, 9000)); return "patient"';
    const done = await call('code_run', { code }, options);
    assert.equal(done.structuredContent.result, 'patient');
    assert.ok(seen.length > 0 && seen.every((one, at) => at === 0 || one > seen[at - 1]), seen.join());
    assert.equal(ours(home, 'list').runs.length, 1);
  },
  ({ sdk, http }) => sdk === 1 && !http,
);

connected(
  'a client that gives up waiting cancels, and the run says why',
  {},
  async ({ call }, home) => {
    const code = 'await new Promise((resolve) => setTimeout(resolve, 30_000)); return 1';
    await assert.rejects(call('code_run', { code }, { timeout: 700 }), /timed out/i);
    const [{ runId }] = ours(home, 'list').runs;
    const shown = await eventually(() => {
      const shown = ours(home, 'show', runId);
      return shown.status === 'cancelled' && shown;
    }, 'the end of the run');
    assert.match(JSON.stringify(shown), /timed out/i);
  },
  ({ sdk, http }) => sdk === 1 && !http,
);

connected('runs are resources', {}, async ({ client, code }) => {
  const { runId } = await code(`console.log('x'.repeat(10)); return 'value'`);
  const { resources } = await client.listResources();
  assert.deepEqual(resources.map((one) => one.uri), [`run://${runId}`]);
  assert.match(resources[0].description, /code: completed/);
  const shown = await client.readResource({ uri: `run://${runId}` });
  assert.equal(JSON.parse(shown.contents[0].text).result, 'value');
  const log = await client.readResource({ uri: `run://${runId}/log` });
  const lines = log.contents[0].text.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(lines[0].t, 'start');
  assert.equal(lines.at(-1).t, 'return');
  const { resourceTemplates } = await client.listResourceTemplates();
  assert.ok(resourceTemplates.some((one) => one.uriTemplate === 'run://{runId}'));
  for (const uri of ['run://../x', 'file:///etc/passwd', `run://${runId}/other`]) {
    await assert.rejects(client.readResource({ uri }), uri);
  }
});

connected('more than a page of runs is listed in pages', {}, async ({ client, code }) => {
  const expected = new Set();
  await Promise.all(Array.from({ length: 130 }, async (_, n) => expected.add((await code(`return ${n}`)).runId)));
  const seen = [];
  let cursor;
  do {
    const page = await client.listResources({ cursor });
    seen.push(...page.resources.map((one) => one.name));
    cursor = page.nextCursor;
  } while (cursor);
  // The client of 2026-07-28 gathers the pages itself.
  assert.deepEqual([...new Set(seen)].sort(), [...expected].sort());
});

connected('a hundred calls at a time', {}, async ({ code }) => {
  const done = await Promise.all(
    Array.from({ length: 100 }, (_, n) => code(`await new Promise((r) => setTimeout(r, ${n % 10})); return ${n}`)),
  );
  assert.deepEqual(done.map((one) => one.result), Array.from({ length: 100 }, (_, n) => n));
});

each('a client that goes away leaves the run to its end', async (flavour, home) => {
  const one = await connect(flavour, home);
  const calling = one.call('code_run', { code: 'await new Promise((resolve) => setTimeout(resolve, 1500)); return "finished"' });
  calling.catch(() => {});
  const { runId } = await eventually(() => ours(home, 'list').runs[0], 'a run');
  const gone = flavour.http ? one.client.close() : one.close();
  await eventually(() => ours(home, 'show', runId).result === 'finished', 'the end of the run');
  await gone;
  await one.close();
}, ({ sdk, http }) => sdk === 1 || http);

test('one server has several clients', { timeout: 30_000 }, () =>
  inHome(async (home) => {
    const first = await connect(flavours[1], home);
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const second = new Client({ name: 'second', version: '1' });
    await second.connect(new StreamableHTTPClientTransport(new URL(first.server.url)));
    const { runId } = await first.code('return 1');
    const got = await second.callTool({ name: 'code_get_run', arguments: { runId } });
    assert.equal(got.structuredContent.result, 1);
    await second.close();
    await first.close();
  }));

test('HTTP: who may come in', { timeout: 30_000 }, () =>
  inHome(async (home) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } } });
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const post = (url, more = {}, text = body) => fetch(url, { method: 'POST', headers: { ...headers, ...more }, body: text });
    const open = await serve(home);
    assert.equal((await post(open.url)).status, 200);
    assert.equal((await post(open.url, { origin: 'https://evil.example' })).status, 403);
    assert.equal((await post(open.url, { origin: 'http://localhost:6274' })).status, 200);
    assert.equal((await post(open.url, {}, `{"x": "${'y'.repeat(9 << 20)}"}`)).status, 413);
    assert.equal((await fetch(open.url.replace('/mcp', '/other'))).status, 404);
    // A name that a foreign page made lead here.
    const rebound = spawnSync('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-X', 'POST', '-H', 'Host: evil.example', '-H', 'content-type: application/json', '-H', 'accept: application/json, text/event-stream', '-d', body, open.url], { encoding: 'utf8' });
    if (!rebound.error) assert.equal(rebound.stdout, '403');
    await open.stop();
    const token = '0123456789abcdef0123456789abcdef';
    const closed = await serve(home, [], { QUICKSAVE_MCP_TOKEN: token });
    assert.equal((await post(closed.url)).status, 401);
    assert.equal((await post(closed.url, { authorization: 'Bearer wrong-wrong-wrong-wrong' })).status, 401);
    assert.equal((await post(closed.url, { authorization: `Bearer ${token}` })).status, 200);
    await closed.stop();
    const refused = spawnSync(quicksave, ['--home', home, 'mcp', '--http', '0.0.0.0:0'], { encoding: 'utf8' });
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /token/);
  }));

test('stdout carries nothing but the protocol', { timeout: 30_000 }, () =>
  inHome(async (home) => {
    const line = (value) => `${JSON.stringify({ jsonrpc: '2.0', ...value })}\n`;
    const input = [
      'this is no JSON\n',
      line({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } } }),
      line({ method: 'notifications/initialized' }),
      line({ id: 2, method: 'tools/call', params: { name: 'code_run', arguments: { code: 'console.log("to stdout"); console.error("x"); return 1' } } }),
      line({ id: 3, method: 'no/such/method', params: {} }),
    ].join('');
    const done = spawnSync(quicksave, ['--home', home, 'mcp'], { input, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    const messages = done.stdout.trimEnd().split('\n').map((text) => JSON.parse(text));
    assert.ok(messages.every((one) => one.jsonrpc === '2.0'));
    assert.equal(messages.find((one) => one.id === 1).result.protocolVersion, '2025-06-18');
    assert.equal(messages.find((one) => one.id === 2).result.structuredContent.result, 1);
    assert.equal(messages.find((one) => one.id === 3).error.code, -32601);
  }));

test("the inspector's command line lists and calls", { timeout: 120_000 }, () =>
  inHome(async (home) => {
    const inspector = join(here, 'node_modules/.bin/mcp-inspector');
    const inspect = (...args) => {
      const done = spawnSync(inspector, ['--cli', quicksave, '--home', home, 'mcp', ...args], { encoding: 'utf8', cwd: home });
      assert.equal(done.status, 0, `${args}: ${done.stdout} ${done.stderr}`);
      return JSON.parse(done.stdout);
    };
    const { tools } = inspect('--method', 'tools/list');
    assert.ok(tools.some((tool) => tool.name === 'code_run'));
    const called = inspect('--method', 'tools/call', '--tool-name', 'code_run', '--tool-arg', 'code=return 6 * 7');
    assert.equal(called.structuredContent.result, 42);
  }));
