// Programs that try to get out, or to use the machine up, through one client of a server; another client's calls go on
// meanwhile, and each bomb ends with a clear error, once, at its limit.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { inHome, quicksave, serve } from './support.mjs';

const limits = ['--limit-cpu=1s', '--limit-memory=64MiB', '--limit-output=1MiB'];

async function client(url) {
  const one = new Client({ name: 'bombs', version: '1' });
  await one.connect(new StreamableHTTPClientTransport(new URL(url)));
  return one;
}

const run = (one, code, timeout = 20_000) =>
  one.callTool({ name: 'code_run', arguments: { code, timeout } }, undefined, { timeout: 60_000 });

/** Calls without a pause until `stop()`; gives how many there were. Each must have the right result. */
function others(one) {
  let done = false;
  const calling = (async () => {
    let n = 0;
    while (!done) {
      const { structuredContent } = await run(one, `return ${n} * 2`);
      assert.equal(structuredContent?.result, n * 2);
      n++;
    }
    return n;
  })();
  calling.catch(() => {});
  return () => {
    done = true;
    return calling;
  };
}

/** A server with two clients; what `body` does with one of them hurts the other in nothing. */
async function beside(home, args, body, env) {
  const server = await serve(home, args, env);
  const [bad, good] = [await client(server.url), await client(server.url)];
  try {
    const stop = others(good);
    await body(bad);
    assert.ok((await stop()) > 0, 'the other client was served');
    assert.equal((await run(bad, 'return 1')).structuredContent.result, 1);
    assert.doesNotMatch(server.stderr(), /panicked/);
  } finally {
    await bad.close();
    await good.close();
    await server.stop();
  }
}

/** Every attempt fails with its words; nothing secret is in what it gives. */
async function attempts(one, table) {
  for (const [code, expected] of table) {
    const result = await run(one, code);
    const text = JSON.stringify(result);
    assert.equal(result.isError, true, `${code}: ${text.slice(0, 500)}`);
    assert.match(text, expected, code);
    assert.doesNotMatch(text, /SECRET|root:x|panicked/, code);
    assert.ok(text.length < 1 << 20, `${code} gives ${text.length} characters`);
  }
}

const cpu = /computed for more than 1 s/;
const memory = /limit of 64 MiB|call stack/;

const bombs = [
  // CPU
  ['for (;;);', cpu],
  ['while (true) { try { for (;;); } catch {} }', cpu],
  ['return /^(a+)+$/.test("a".repeat(40) + "b")', cpu],
  ['return "x".repeat(3e4).replace(/(x+x+)+y/g, "")', cpu],
  ['[2, 1].sort(() => { for (;;); })', cpu],
  ['return { toJSON() { for (;;); } }', cpu],
  ['return new Proxy({}, { ownKeys() { for (;;); } })', cpu],
  ['const again = () => Promise.resolve().then(again); await again()', /exceeded a limit|computed for more|64 MiB/],
  ['for (;;) queueMicrotask(() => {})', /computed for more|64 MiB/],
  // What the engine does in one step, over and over: nobody asks it there whether it must end.
  ['for (;;) "x".repeat(1e7).charCodeAt(5)', cpu],
  ['const s = "\\u0344".repeat(1e5); for (;;) s.normalize("NFKD")', cpu],
  [`const v = Array.from({ length: 20000 }, (_, i) => "let a" + i + "=1").join(";");
    return (0, eval)(Array.from({ length: 45 }, (_, i) => "function f" + i + "(){" + v + "}").join(";"))`, cpu],
  // memory
  ['const all = []; for (;;) all.push(new Uint8Array(1e6))', memory],
  ['let s = "x"; for (;;) s += s', /64 MiB|too long|invalid string length/i],
  ['new ArrayBuffer(8, { maxByteLength: 1e9 }).resize(9e8)', memory],
  ['const m = new Map(); for (let i = 0; ; i++) m.set(i, {})', memory],
  ['return "\\u0041\\u030a".repeat(1e7).normalize("NFC")', memory],
  ['let p = {}; for (let i = 0; i < 1e6; i++) p = new Proxy(p, {}); return p.x', memory],
  // a million promises, timers, signals, requests
  ['await Promise.all(Array.from({ length: 1e6 }, async () => {}))', memory],
  ['const all = []; for (let i = 0; i < 1e6; i++) all.push(new Promise(() => {})); await Promise.all(all)', memory],
  ['for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e9); await new Promise(() => {})', /exceeded a limit|computed for more|64 MiB/],
  ['for (let i = 0; i < 1e6; i++) fetch("http://127.0.0.1:9/").catch(() => {}); await new Promise(() => {})', /exceeded a limit|computed for more|64 MiB/],
  ['await new Promise(() => {})', /will never happen/],
  // JSON, nesting, code
  ['return JSON.parse("[".repeat(1e6) + "]".repeat(1e6))', memory],
  ['let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return a', /64 MiB|call stack|exceeded a limit|nested/],
  ['let a = {}; a.a = a; return a', /circular|cycle/i],
  ['return (0, eval)("(".repeat(1e6) + "1" + ")".repeat(1e6))', memory],
  [`return ${'['.repeat(1e5)}${']'.repeat(1e5)}`, /nested more than 1000/],
  [`return ${'!'.repeat(1e5)}1`, /nested more than 1000/],
  [`type T = ${'A<'.repeat(1e5)}B${'>'.repeat(1e5)}; return 1`, /nested more than 1000/],
  ['function f() { return f(); } return f()', /call stack/],
  // output, errors
  ['for (;;) console.log("x".repeat(1000))', /printed more than the limit/],
  ['for (;;) yield { emit: "status", message: "x".repeat(1000) }', /printed more than the limit/],
  ['throw new Error("x".repeat(2e7))', /xxxx/],
  ['let e = new Error("x"); for (let i = 0; i < 1e5; i++) e = new Error("y", { cause: e }); throw e', /Error: y|64 MiB/],
];

test('bombs end at their limits, and hurt nobody else', { timeout: 240_000 }, () =>
  inHome((home) => beside(home, limits, (bad) => attempts(bad, bombs))));

test('all bombs at one time', { timeout: 240_000 }, () =>
  inHome((home) =>
    beside(home, limits, async (bad) => {
      const results = await Promise.all(bombs.slice(0, 12).map(([code]) => run(bad, code, 60_000)));
      for (const [at, result] of results.entries()) {
        assert.equal(result.isError, true, `${bombs[at][0]}: ${JSON.stringify(result).slice(0, 500)}`);
      }
    })));

test('what is too long for a call is refused or read elsewhere', { timeout: 120_000 }, () =>
  inHome((home) =>
    beside(home, ['--limit-cpu=5s'], async (bad) => {
      const long = await run(bad, `//${'x'.repeat(2 << 20)}\nreturn 1`);
      assert.match(JSON.stringify(long), /at most 1048576/);
      const much = await run(bad, 'return "y".repeat(6e6)');
      assert.equal(much.structuredContent.status, 'completed');
      assert.match(much.structuredContent.result, /run:\/\//);
      let deep = 1;
      for (let n = 0; n < 5000; n++) deep = [deep];
      // A message that is nested too deep costs the message, not the session.
      await bad.callTool({ name: 'code_get_run', arguments: { runId: deep } }, undefined, { timeout: 3000 }).catch(() => {});
    })));

/** A local service that writes down what it is asked. */
async function service() {
  const seen = [];
  const server = createServer((request, response) => {
    seen.push({ url: request.url, headers: request.rawHeaders.join('\n') });
    if (request.url === '/away') response.writeHead(302, { location: 'http://169.254.169.254/latest' });
    if (request.url === '/home') response.writeHead(302, { location: `http://localhost:${server.address().port}/SECRET` });
    response.end('SECRET');
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return { port: server.address().port, seen, close: () => server.close() };
}

test('the network is what was granted, under whatever name', { timeout: 120_000 }, () =>
  inHome(async (home) => {
    const { port, seen, close } = await service();
    const at = `http://127.0.0.1:${port}`;
    try {
      // The ports are granted, on whatever machine: that is not this one, and no metadata service.
      await beside(home, [`--allow-net=:${port},:80`, ...limits], (bad) => attempts(bad, [
        [`return (await fetch("${at}/x")).text()`, /is not allowed.*--allow-net=127\.0\.0\.1/],
        [`return (await fetch("http://localhost:${port}/x")).text()`, /is not allowed/],
        [`return (await fetch("http://2130706433:${port}/x")).text()`, /is not allowed/],
        [`return (await fetch("http://0x7f.1:${port}/x")).text()`, /is not allowed/],
        [`return (await fetch("http://[::ffff:127.0.0.1]:${port}/x")).text()`, /is not allowed/],
        [`return (await fetch("http://[::1]:${port}/x")).text()`, /is not allowed/],
        [`return (await fetch("http://0.0.0.0:${port}/x")).text()`, /is not allowed/],
        ['return (await fetch("http://169.254.169.254/latest/meta-data")).text()', /is not allowed/],
        ['return (await fetch("http://[fe80::1]/")).text()', /is not allowed/],
        ['return (await fetch("http://10.0.0.1/")).text()', /is not allowed/],
        ['return (await fetch("file:///etc/passwd")).text()', /./],
      ]));
      assert.deepEqual(seen, []);
      // One address is granted: no header makes two requests of one, and no redirect leads elsewhere.
      await beside(home, [`--allow-net=127.0.0.1:${port}`, ...limits], (bad) => attempts(bad, [
        [`await fetch("${at}", { headers: { "x-a": "b\\r\\nGET /evil HTTP/1.1" } })`, /invalid header value/],
        [`await fetch("${at}", { headers: { "x-a\\r\\nevil": "c" } })`, /invalid header name/],
        [`await fetch("${at}", { headers: [["x\\u0000", "c"]] })`, /invalid header name/],
        [`await fetch("${at}", { method: "GET /evil HTTP/1.1\\r\\nX: y" })`, /not a valid HTTP method/],
        [`await fetch("${at}", { method: "POST", body: "0\\r\\n\\r\\nGET /evil", headers: { "transfer-encoding": "chunked", "content-length": "3" } }); throw new Error("sent")`, /./],
        [`await fetch("${at}/away")`, /is not allowed/],
        [`await fetch("${at}/home")`, /is not allowed/],
      ]));
      assert.ok(seen.every(({ url, headers }) => !`${url}${headers}`.includes('evil')), JSON.stringify(seen));
    } finally {
      close();
    }
  }));

/** A command in which names are what `hosts` says, if this system lets a process have such a view. */
function withNames(home, hosts) {
  const file = join(home, 'hosts');
  writeFileSync(file, hosts);
  const command = join(home, 'with-names');
  writeFileSync(command, `#!/bin/sh\nexec unshare -Urm sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' ${file} ${quicksave} "$@"\n`);
  chmodSync(command, 0o700);
  return spawnSync(command, ['--version']).status === 0 ? command : undefined;
}

test('a name that leads to this machine is no way around a grant', { timeout: 120_000 }, (t) =>
  inHome(async (home) => {
    const { port, seen, close } = await service();
    const names = '127.0.0.1 localhost\n127.0.0.1 inner.rebound.test\n169.254.169.254 meta.rebound.test\n::1 six.rebound.test\n10.1.2.3 private.rebound.test\n';
    const command = withNames(home, names);
    if (!command) {
      close();
      return t.skip('this system lets no process have names of its own');
    }
    try {
      const fetched = (name) => `return (await fetch("http://${name}:${port}/")).text()`;
      const table = ['inner', 'meta', 'six', 'private'].map((name) => [fetched(`${name}.rebound.test`), /is not allowed/]);
      await beside(home, ['--allow-net=*.rebound.test', ...limits], (bad) => attempts(bad, table), { COMMAND: command });
      assert.deepEqual(seen, []);
      // Who names the one name means it, but never the metadata service.
      await beside(home, ['--allow-net=inner.rebound.test,meta.rebound.test', ...limits], async (bad) => {
        await attempts(bad, [[fetched('meta.rebound.test'), /is not allowed/]]);
        assert.equal((await run(bad, fetched('inner.rebound.test'))).structuredContent.result, 'SECRET');
      }, { COMMAND: command });
      assert.equal(seen.length, 1);
    } finally {
      close();
    }
  }));

test('files are what was granted', { timeout: 120_000 }, () =>
  inHome((home) =>
    beside(home, [`--allow-read=${join(home, 'open')}`, ...limits], async (bad) => {
      spawnSync('sh', ['-c', 'mkdir open && echo SECRET > closed.txt && ln -s ../closed.txt open/link && ln -s .. open/up'], { cwd: home });
      assert.ok(existsSync(join(home, 'open/link')));
      const read = (path) => `return (await import("node:fs")).readFileSync(${JSON.stringify(join(home, path))}, "utf8")`;
      await attempts(bad, [
        [read('closed.txt'), /is not allowed/],
        [read('open/../closed.txt'), /is not allowed/],
        [read('open/link'), /is not allowed|by a link/],
        [read('open/up/closed.txt'), /is not allowed|by a link/],
        ['return await import("/etc/passwd")', /may not be imported/],
        ['import x from "../../../../etc/hostname"; return x', /may not be imported/],
        ['return (await import("node:fs")).readFileSync("/proc/self/environ", "utf8")', /is not allowed/],
        ['Object.prototype.allow = true; return (await import("node:fs")).readFileSync("/etc/passwd", "utf8")', /is not allowed/],
        ['return (() => {}).constructor.constructor("return process.env.HOME.length")()', /HOME|undefined|null/],
        ['return code.get_run({ runId: "../../etc/passwd" })', /not a run id/],
        ['return code.delete_run({ runId: "../x" })', /not a run id/],
        ['import { execSync } from "node:child_process"; return execSync("id")', /starts no processes.*MCP server/],
      ]);
      assert.equal(readFileSync(join(home, 'closed.txt'), 'utf8'), 'SECRET\n');
    })));
