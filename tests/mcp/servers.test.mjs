// MCP servers that nobody here wrote, called by programs; and servers of ours that are killed in the middle of that.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { connect, eventually, flavours, inHome, ours, quicksave } from './support.mjs';

const here = new URL('.', import.meta.url).pathname;
const [stdio, http] = flavours;

/** Writes a configuration with the counting server; gives what was called. */
function counting(home, { flags = [], more = {}, timeout, name = 'my-counter' } = {}) {
  const calls = join(home, 'calls.jsonl');
  const config = join(home, 'servers.json');
  const counter = { command: process.execPath, args: [join(here, 'counter.mjs'), calls, ...flags], timeout };
  writeFileSync(config, JSON.stringify({ mcpServers: { [name]: counter, ...more } }));
  const called = () => (existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n').filter(Boolean).map((line) => JSON.parse(line)) : []);
  return { args: ['--mcp-config', config], called };
}

const code = (home, args, text) => {
  const done = spawnSync(quicksave, ['--home', home, '--json', ...args, 'code', text], { encoding: 'utf8' });
  return { ...JSON.parse(done.stdout || 'null'), stderr: done.stderr };
};

test('programs call servers: namespaces, search, values, errors', { timeout: 60_000 }, () =>
  inHome((home) => {
    const { args, called } = counting(home, { flags: ['--garbage'] });
    const done = code(home, args, `
      const { sum } = await my_counter.add_one({ n: 1 });
      const found = await ncp.find('pay twice');
      const failed = await my_counter.fail({}).catch((error) => error.message);
      const none = await my_counter.ad_one({}).catch((error) => error.message);
      const wrong = await my_counter.add_one({ n: 'x' }).catch((error) => error.message);
      return { sum, other: await ncp.run('my-counter.add_one', { n: 5 }), found: found.tools ? found.tools[0] : found[0], failed, none, wrong,
        seen: await my_counter.look({ ms: 0 }), picture: await my_counter.picture({}) };`);
    assert.equal(done.status, 'completed', JSON.stringify(done));
    const { sum, other, found, failed, none, wrong, seen, picture } = done.result;
    assert.deepEqual({ sum, other, seen }, { sum: 2, other: { sum: 6 }, seen: { seen: true } });
    assert.equal(found.tool, 'my-counter.pay');
    assert.match(failed, /no such repository/);
    assert.match(none, /did you mean 'add_one'/);
    assert.match(wrong, /n/);
    assert.equal(picture.content[0].mimeType, 'image/png');
    // Each call carries a key of its own, the same for every attempt.
    const keys = called().map((one) => one.key);
    assert.equal(new Set(keys).size, keys.length);
    assert.ok(keys.every((key) => key.startsWith(`${done.runId}/`)), keys.join());
  }));

test('photons are given the servers and photons that they name', { timeout: 60_000 }, () =>
  inHome((home) => {
    const { args, called } = counting(home, { name: 'counter' });
    writeFileSync(join(home, 'sums.photon.ts'), 'export default class { add({ a, b }: { a: number; b: number }) { return a + b } }');
    writeFileSync(join(home, 'uses.photon.ts'), `/**
 * @mcp counter someone/counter-server
 * @photon sums ./sums.photon.ts
 */
export default class Uses extends Photon {
  constructor(private counter: any, private sums: any) { super(); }
  async all({ n }: { n: number }) {
    const { sum } = await this.counter.add_one({ n });
    const called = await this.counter.call('add_one', { n: sum });
    const named = await this.mcp('counter').look({ ms: 0 });
    const tools = (await this.counter.list()).map((tool) => tool.name);
    const failed = await this.counter.fail({}).catch((error) => error.message);
    const other = await (await this.photon.use('sums')).add({ a: 1, b: 1 });
    return { sum, again: called.sum, named, pays: tools.includes('pay'), failed, both: await this.sums.add({ a: sum, b: 10 }), other };
  }
}`);
    const run = (...more) => spawnSync(quicksave, ['--home', home, '--json', ...more, 'run', 'uses', 'all', '-p', 'n=1'], { encoding: 'utf8' });
    const done = JSON.parse(run(...args).stdout);
    const { failed, ...rest } = done.result;
    assert.deepEqual(rest, { sum: 2, again: 3, named: { seen: true }, pays: true, both: 12, other: 2 });
    assert.match(failed, /no such repository/);
    // The calls are in the run's journal: going on with it makes none again.
    const before = called().length;
    ours(home, 'resume', done.runId);
    assert.equal(called().length, before);
    // Where the server is not configured, the error names it.
    const without = JSON.parse(run().stdout);
    assert.equal(without.status, 'failed');
    assert.match(without.error, /no photon or server "counter".*mcp\.servers\.NAME/);
  }));

test('servers that die, hang, or do not begin', { timeout: 60_000 }, () =>
  inHome((home) => {
    const dead = { command: process.execPath, args: [join(here, 'counter.mjs'), join(home, 'x'), '--dead'] };
    const missing = { command: join(home, 'no-such-program') };
    const { args } = counting(home, { timeout: 1500, more: { dead, missing } });
    const done = code(home, args, `
      const message = (promise) => promise.then(() => 'nothing', (error) => error.message);
      return {
        died: await message(my_counter.die({})),
        again: await my_counter.add_one({ n: 1 }),
        hung: await message(my_counter.hang({})),
        dead: await message(dead.anything({})),
        missing: await message(missing.anything({})),
      };`);
    assert.equal(done.status, 'completed', JSON.stringify(done));
    const { died, again, hung, dead: begun, missing: absent } = done.result;
    assert.match(died, /ended in the middle of the call/);
    assert.deepEqual(again, { sum: 2 });
    assert.match(hung, /did not answer within 1500 ms/);
    assert.match(begun, /there is no licence/);
    assert.match(absent, /no-such-program/);
  }));

test('a configuration that is wrong is said to be so', { timeout: 30_000 }, () =>
  inHome((home) => {
    const config = join(home, 'servers.json');
    for (const [servers, expected] of [
      [{ 'a b': { command: 'x' } }, /cannot name an MCP server/],
      [{ a: {} }, /needs a command or a url/],
      [{ 'a-b': { command: 'x' }, a_b: { command: 'y' } }, /one namespace/],
      [{ a: { url: 'http://127.0.0.1:1/sse', type: 'sse' } }, /not spoken here/],
    ]) {
      writeFileSync(config, JSON.stringify({ mcpServers: servers }));
      const done = code(home, ['--mcp-config', config], 'return 1');
      assert.match(done.error, expected);
    }
  }));

test('a server over HTTP: ours', { timeout: 60_000 }, () =>
  inHome(async (home) => {
    const one = await connect(http, home);
    try {
      const config = join(home, 'servers.json');
      writeFileSync(config, JSON.stringify({ servers: { far: { type: 'http', url: one.server.url } } }));
      await inHome((other) => {
        const done = code(other, ['--mcp-config', config], `return await far.code_run({ code: 'return 6 * 7' })`);
        assert.equal(done.result?.result, 42, JSON.stringify(done));
      });
    } finally {
      await one.close();
    }
  }));

const chain = (calls, ms) => `
  const found = [];
  for (let n = 0; n < ${calls}; n++) found.push((await my_counter.add_one({ n, ms: ${ms} })).sum);
  return found;`;

/** Starts a call, kills the server once `when` holds, and starts another. */
async function killed(home, options, text, when) {
  const first = await connect(stdio, home, options);
  first.call('code_run', { code: text }).catch(() => {});
  const { runId } = await eventually(() => ours(home, 'list', '--status', 'running').runs[0], 'a run');
  await eventually(when, 'the moment to kill');
  process.kill(first.pid(), 'SIGKILL');
  await eventually(() => first.client.transport === undefined, 'the end of the session');
  await first.close().catch(() => {});
  return { runId, second: await connect(stdio, home, options) };
}

test('killed in the middle of a chain of calls: it goes on, and no finished call is made twice', { timeout: 90_000 }, () =>
  inHome(async (home) => {
    const { args, called } = counting(home);
    const { runId, second } = await killed(home, { args }, chain(12, 100), () => called().length >= 5);
    try {
      // Nobody asks for it: the server takes it up by itself.
      const shown = await eventually(() => {
        const shown = ours(home, 'show', runId);
        return shown.status === 'completed' && shown;
      }, 'the end of the run', 30_000);
      assert.deepEqual(shown.result, Array.from({ length: 12 }, (_, n) => n + 1));
      const times = new Map();
      for (const { args, key } of called()) {
        times.set(args.n, [...(times.get(args.n) ?? []), key]);
      }
      const twice = [...times].filter(([, keys]) => keys.length > 1);
      // Only the call that was being made when the server died may have been made again, and with the same key.
      assert.ok(twice.length <= 1, JSON.stringify(twice));
      for (const [, keys] of twice) assert.equal(new Set(keys).size, 1);
      assert.equal(times.size, 12);
      const got = await second.call('code_get_run', { runId });
      assert.equal(got.structuredContent.status, 'completed');
    } finally {
      await second.close();
    }
  }));

test('what must not be done twice waits for a word', { timeout: 60_000 }, () =>
  inHome(async (home) => {
    const { args, called } = counting(home);
    const text = `return await my_counter.pay({ ms: 3000 });`;
    // The server's word on its tools must be known before.
    assert.equal(code(home, args, 'return (await ncp.find("pay")).tools.length').status, 'completed');
    const { runId, second } = await killed(home, { args }, text, () => called().some((one) => one.tool === 'pay'));
    try {
      const shown = await eventually(() => {
        const shown = ours(home, 'show', runId);
        return shown.status === 'waiting' && shown;
      }, 'the run to wait');
      assert.equal(shown.waitingFor[0].kind, 'call');
      assert.equal(called().filter((one) => one.tool === 'pay').length, 1);
    } finally {
      await second.close();
    }
  }));
