// Photons as tools of `quicksave mcp`.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import { connect, eventually, flavours, inHome, ours, quicksave } from './support.mjs';

const calc = `/** Sums and counts. */
export default class Calc extends Photon {
  private count = 0;
  getState() { return { count: this.count }; }
  setState(state: { count: number }) { this.count = state.count; }
  /**
   * Adds two numbers
   * @param a The first {@min 0}
   * @readOnly
   */
  add({ a, b }: { a: number; b: number }) { return a + b; }
  /** Counts @destructive */
  count_up() { this.count++; return { count: this.count }; }
  /** Asks */
  async *greet() { const name = yield { ask: 'text', message: 'Name?' }; return 'hello ' + name; }
  /** @internal */
  secret() { return 1; }
}
`;
const put = (home, name, text) => writeFileSync(join(home, `${name}.photon.ts`), text);

for (const flavour of flavours) {
  test(`${flavour.name}: photons are tools`, { timeout: 60_000 }, () =>
    inHome(async (home) => {
      put(home, 'my-calc', calc);
      put(home, 'broken', 'export default class { add(a: ) {} }');
      const one = await connect(flavour, home, { answer: () => ({ action: 'accept', content: { answer: 'Ada' } }) });
      try {
        const { tools } = await one.client.listTools();
        const named = (name) => tools.find((tool) => tool.name === name);
        assert.deepEqual(tools.map((tool) => tool.name).filter((name) => !name.startsWith('code_')), [
          'my-calc_add', 'my-calc_count_up', 'my-calc_greet',
        ]);
        const add = named('my-calc_add');
        assert.match(add.description, /Adds two numbers/);
        assert.equal(add.annotations.readOnlyHint, true);
        assert.deepEqual(add.inputSchema.required, ['a', 'b']);
        assert.equal(add.inputSchema.properties.a.minimum, 0);
        for (const name of ['my-calc_add', 'my-calc:add', 'my-calc.add', 'my_calc_add']) {
          const done = await one.call(name, { a: 1, b: 2 });
          assert.deepEqual([done.content[0].text, !!done.isError], ['3', false], name);
        }
        // The call is a run of the photon.
        const [run] = ours(home, 'list').runs;
        assert.deepEqual([run.photon, run.tool, run.status], ['my-calc', 'add', 'completed']);
        const wrong = await one.call('my-calc_add', { a: 'x', b: 2 });
        assert.equal(wrong.isError, true);
        assert.match(wrong.content[0].text, /\ba\b/);
        const much = await one.call('my-calc_add', { a: 1, b: 2, c: 3 });
        assert.match(much.content[0].text, /\bc\b/);
        await assert.rejects(one.call('my-calc_secret'), /no tool/);
        // State is kept, and each instance has its own.
        for (const [instance, count] of [[undefined, 1], [undefined, 2], ['other', 1], [undefined, 3]]) {
          const done = await one.call('my-calc_count_up', instance ? { instance } : {});
          assert.deepEqual(done.structuredContent, { count }, JSON.stringify(done));
        }
        assert.equal((await one.call('my-calc_greet')).content[0].text, 'hello Ada');
        // And in code mode they are namespaces.
        assert.equal((await one.code('return await my_calc.add({ a: 20, b: 22 })')).result, 42);
      } finally {
        await one.close();
      }
    }));

  test(`${flavour.name}: a client is told of other tools`, { timeout: 60_000 }, () =>
    inHome(async (home) => {
      const one = await connect(flavour, home);
      try {
        const names = async () => (await one.client.listTools()).tools.map((tool) => tool.name);
        assert.ok(!(await names()).includes('late_hi'));
        put(home, 'late', 'export default class { hi() { return "hi"; } }');
        await eventually(() => one.changed() > 0, 'a notification');
        await eventually(async () => (await names()).includes('late_hi'), 'the new tool');
        assert.equal((await one.call('late_hi')).content[0].text, 'hi');
        const before = one.changed();
        put(home, 'late', 'export default class { hi() { return "hi"; } ho() { return "ho"; } }');
        await eventually(() => one.changed() > before, 'another notification');
      } finally {
        await one.close();
      }
    }));
}

const typed = `interface Node { id: string; when: Date; kids?: Node[] }
export default class Typed extends Photon {
  tree(p: { deep?: boolean }): Node { return { id: 'a', when: new Date(0), kids: p.deep ? [{ id: 'b', when: new Date(1) }] : undefined }; }
  async either(p: { a: boolean }): Promise<{ a: number } | { b: 'x' | 'y'; t: [number, ...string[]]; u: \`u-\${string}\` }> {
    return p.a ? { a: 1 } : { b: 'x', t: [1, 'two'], u: 'u-1' };
  }
  lies(): { n: number } { return { n: 'no number' } as any; }
  nothing(): { n: number } { return undefined as any; }
  fails(): { n: number } { throw new Error('no luck'); }
  long(): { s: string } { return { s: 'x'.repeat(5e6) }; }
  async *asks(): AsyncGenerator<any, { name: string }> { const name = yield { ask: 'text', message: 'Name?' }; return { name }; }
  list(): string[] { return ['a']; }
  open() { return { n: 1 }; }
}
`;

for (const flavour of flavours) {
  // The official clients check what they are given against the schema, and throw if it does not fit.
  test(`${flavour.name}: what a method gives fits its output schema, whatever happens`, { timeout: 60_000 }, () =>
    inHome(async (home) => {
      put(home, 'typed', typed);
      const one = await connect(flavour, home);
      try {
        const { tools } = await one.client.listTools();
        const schema = (name) => tools.find((tool) => tool.name === `typed_${name}`).outputSchema;
        for (const name of ['tree', 'either', 'lies', 'fails', 'long', 'asks']) assert.equal(schema(name).type, 'object', name);
        for (const name of ['list', 'open']) assert.equal(schema(name), undefined, name);
        const given = async (name, args = {}) => {
          const result = await one.call(`typed_${name}`, args);
          return [result.structuredContent, !!result.isError, result];
        };
        const when = (ms) => new Date(ms).toISOString();
        assert.deepEqual((await given('tree', { deep: true })).slice(0, 2),
          [{ id: 'a', when: when(0), kids: [{ id: 'b', when: when(1) }] }, false]);
        assert.deepEqual((await given('either', { a: true }))[0], { a: 1 });
        assert.deepEqual((await given('either', { a: false }))[0], { b: 'x', t: [1, 'two'], u: 'u-1' });
        assert.deepEqual((await given('open'))[0], { n: 1 });
        const [lie, failed, whole] = await given('lies');
        assert.deepEqual([lie.status, lie.result, failed], ['completed', { n: 'no number' }, false]);
        assert.equal(whole.content[0].text, '{"n":"no number"}');
        assert.equal((await given('nothing'))[0].status, 'completed');
        assert.deepEqual((await given('fails')).slice(0, 2).map((part) => part.status ?? part), ['failed', true]);
        const [long] = await given('long');
        assert.match(long.next, /run:\/\//);
        const [asking, error] = await given('asks');
        assert.deepEqual([asking.status, error], ['waiting', false]);
        const answered = await one.call('code_resume_run', { runId: asking.runId, answer: 'Ada' });
        assert.deepEqual(answered.structuredContent.result, { name: 'Ada' });
      } finally {
        await one.close();
      }
      const asked = await connect(flavour, home, { answer: () => ({ action: 'accept', content: { answer: 'Ada' } }) });
      try {
        await asked.client.listTools();
        assert.deepEqual((await asked.call('typed_asks')).structuredContent, { name: 'Ada' });
      } finally {
        await asked.close();
      }
    }));

  test(`${flavour.name}: calls with one key are one run`, { timeout: 60_000 }, () =>
    inHome(async (home) => {
      put(home, 'my-calc', calc);
      const one = await connect(flavour, home);
      try {
        const call = async (idempotencyKey) => {
          const request = { name: 'my-calc_count_up', arguments: {}, _meta: { idempotencyKey } };
          const done = await one.client.callTool(request);
          return [done.structuredContent.count, done._meta.runId];
        };
        const first = await call('order 1');
        assert.deepEqual(await Promise.all([call('order 1'), call('order 1')]), [first, first]);
        const other = await call('order 2');
        assert.deepEqual([first[0], other[0]], [1, 2]);
        assert.notEqual(first[1], other[1]);
      } finally {
        await one.close();
      }
    }));

  test(`${flavour.name}: a program knows who calls`, { timeout: 60_000 }, () =>
    inHome(async (home) => {
      put(home, 'who', `export default class extends Photon {
        me() { return this.caller; }
        async *later() { const before = this.caller.client.name; yield { checkpoint: true, state: 1 }; yield { ask: 'confirm', message: 'on?' }; return [before, this.caller]; }
      }`);
      const token = '0123456789abcdef0123456789abcdef';
      const anonymous = { id: 'anonymous', anonymous: true };
      const client = { name: 'test', version: '1' };
      const known = flavour.http ? { id: 'token', anonymous: false, client } : { ...anonymous, client };
      const options = flavour.http ? { env: { QUICKSAVE_MCP_TOKEN: token }, headers: { authorization: `Bearer ${token}` } } : {};
      const one = await connect(flavour, home, options);
      try {
        assert.deepEqual((await one.call('who_me')).structuredContent, known);
        // Whom a snippet calls for the client is called by the client.
        assert.deepEqual((await one.code('return await who.me({})')).result, known);
        const { runId } = (await one.call('who_later')).structuredContent;
        // Whoever goes on with it, it was begun by this client.
        const done = ours(home, 'answer', runId, 'yes');
        assert.deepEqual(done.result, ['test', known]);
        assert.deepEqual(ours(home, 'run', 'who', 'me').result, anonymous);
      } finally {
        await one.close();
      }
      if (!flavour.http) return;
      const open = await connect(flavour, home);
      try {
        assert.deepEqual((await open.call('who_me')).structuredContent, { ...anonymous, client });
      } finally {
        await open.close();
      }
    }));
}

test('a question of a photon that a snippet calls is answered for the snippet', { timeout: 60_000 }, () =>
  inHome(async (home) => {
    put(home, 'my-calc', calc);
    const asked = await connect(flavours[0], home, { answer: () => ({ action: 'accept', content: { answer: 'Ada' } }) });
    try {
      assert.equal((await asked.code('return await my_calc.greet({})')).result, 'hello Ada');
    } finally {
      await asked.close();
    }
    const one = await connect(flavours[0], home);
    try {
      const done = await one.code('return [await my_calc.greet({})]');
      assert.deepEqual([done.status, done.waitingFor[0].kind], ['waiting', 'run'], JSON.stringify(done));
      const resumed = await one.call('code_resume_run', { runId: done.runId, answer: 'Grace' });
      assert.deepEqual(resumed.structuredContent.result, ['hello Grace'], JSON.stringify(resumed));
    } finally {
      await one.close();
    }
  }));

test('many tools come in pages', { timeout: 60_000 }, () =>
  inHome(async (home) => {
    const methods = Array.from({ length: 230 }, (_, n) => `m${n}() { return ${n}; }`).join('\n');
    put(home, 'many', `export default class {\n${methods}\n}`);
    const one = await connect(flavours[0], home);
    try {
      const names = [];
      let cursor;
      let pages = 0;
      do {
        const page = await one.client.listTools(cursor ? { cursor } : undefined);
        names.push(...page.tools.map((tool) => tool.name));
        cursor = page.nextCursor;
        pages++;
      } while (cursor);
      assert.equal(pages, 3);
      assert.equal(new Set(names).size, 236);
      assert.equal((await one.call('many_m229')).content[0].text, '229');
    } finally {
      await one.close();
    }
  }));

test('code becomes a photon, and a tool once a person enables it', { timeout: 60_000 }, () =>
  inHome(async (home) => {
    const one = await connect(flavours[0], home);
    try {
      const { runId } = await one.code('const owner = "octocat"; const limit = 2; return owner.repeat(limit)');
      const saved = (await one.call('code:save_as_photon', { runId, name: 'repeat', description: 'Repeats a name' })).structuredContent;
      assert.ok(existsSync(saved.file));
      assert.equal(saved.inputSchema.properties.owner.default, 'octocat');
      assert.equal(saved.enabled, false);
      await assert.rejects(one.call('repeat_run'), /no tool/);
      const enabled = spawnSync(quicksave, ['--home', home, 'photon', 'enable', 'repeat'], { encoding: 'utf8' });
      assert.equal(enabled.status, 0, enabled.stderr);
      const done = await eventually(() => one.call('repeat_run', { owner: 'ab' }).catch(() => null), 'the tool');
      assert.equal(done.content[0].text, 'abab');
      for (const [args, expected] of [
        [{ runId, name: '../x' }, /cannot name a photon/],
        [{ runId, name: 'repeat' }, /already/],
        [{ runId: 'none', name: 'x' }, /none/],
      ]) {
        const refused = await one.call('code_save_as_photon', args);
        assert.equal(refused.isError, true);
        assert.match(refused.content[0].text, expected);
      }
    } finally {
      await one.close();
    }
  }));
