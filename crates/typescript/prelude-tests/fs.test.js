import test, { before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsp from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { createInterface } from 'node:readline';

let dir;
before(() => { dir = fs.mkdtempSync(path.join(os.tmpdir(), 'prelude-')); });
const at = (name) => path.join(dir, name);

test('read and write at once', () => {
  fs.writeFileSync(at('a.txt'), 'héllo');
  assert.equal(fs.readFileSync(at('a.txt'), 'utf8'), 'héllo');
  assert.ok(Buffer.isBuffer(fs.readFileSync(at('a.txt'))));
  fs.appendFileSync(at('a.txt'), Buffer.from('!'));
  assert.equal(fs.readFileSync(pathToFileURL(at('a.txt')), { encoding: 'latin1' }), 'hÃ©llo!');
  assert.equal(fs.existsSync(at('a.txt')), true);
  assert.equal(fs.existsSync(at('none')), false);
  assert.throws(() => fs.writeFileSync(at('a.txt'), 'x', { flag: 'wx' }), { code: 'EEXIST' });
});

test('errors are Node\'s', async () => {
  const wanted = { code: 'ENOENT', syscall: 'open', errno: -2, path: at('none'), message: `ENOENT: no such file or directory, open '${at('none')}'` };
  assert.throws(() => fs.readFileSync(at('none')), wanted);
  await assert.rejects(fsp.readFile(at('none')), wanted);
  const [error] = await new Promise((resolve) => fs.readFile(at('none'), (...args) => resolve(args)));
  assert.equal(error.code, 'ENOENT');
  assert.throws(() => fs.readFileSync({}), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => fs.readFileSync('a\0b'), { code: 'ERR_INVALID_ARG_VALUE' });
});

test('folders', async () => {
  assert.equal(fs.mkdirSync(at('d/e/f'), { recursive: true }), at('d'));
  assert.equal(await fsp.mkdir(at('d'), { recursive: true }), undefined);
  await assert.rejects(fsp.mkdir(at('d')), { code: 'EEXIST' });
  await fsp.writeFile(at('d/x.txt'), 'x');
  await fsp.writeFile(at('d/e/y.txt'), 'y');
  assert.deepEqual((await fsp.readdir(at('d'))).sort(), ['e', 'x.txt']);
  const entries = await fsp.readdir(at('d'), { withFileTypes: true });
  assert.deepEqual(entries.map((entry) => [entry.name, entry.isDirectory(), entry.isFile()]).sort(), [['e', true, false], ['x.txt', false, true]]);
  assert.deepEqual(fs.readdirSync(at('d'), { recursive: true }).sort(), ['e', 'e/f', 'e/y.txt', 'x.txt']);
  await fsp.cp(at('d'), at('copy'), { recursive: true });
  assert.equal(fs.readFileSync(at('copy/e/y.txt'), 'utf8'), 'y');
  await assert.rejects(fsp.rmdir(at('copy')), { code: 'ENOTEMPTY' });
  await fsp.rm(at('copy'), { recursive: true });
  await fsp.rm(at('copy'), { recursive: true, force: true });
  await assert.rejects(fsp.rm(at('copy')), { code: 'ENOENT' });
});

test('stat, rename, copy, unlink', async () => {
  await fsp.writeFile(at('s'), '12345');
  const stats = await fsp.stat(at('s'));
  assert.equal(stats.size, 5);
  assert.equal(stats.isFile(), true);
  assert.ok(stats.mtime instanceof Date);
  assert.equal(typeof fs.statSync(at('s'), { bigint: true }).size, 'bigint');
  assert.equal(fs.statSync(at('none'), { throwIfNoEntry: false }), undefined);
  fs.renameSync(at('s'), at('t'));
  await fsp.copyFile(at('t'), at('u'));
  await assert.rejects(fsp.copyFile(at('t'), at('u'), fs.constants.COPYFILE_EXCL), { code: 'EEXIST' });
  fs.symlinkSync(at('u'), at('link'));
  assert.equal(fs.lstatSync(at('link')).isSymbolicLink(), true);
  assert.equal(fs.readlinkSync(at('link')), at('u'));
  await new Promise((resolve, reject) => fs.unlink(at('t'), (error) => (error ? reject(error) : resolve())));
  await assert.rejects(fsp.access(at('t')), { code: 'ENOENT' });
  fs.truncateSync(at('u'), 2);
  assert.equal(fs.readFileSync(at('u'), 'utf8'), '12');
});

test('descriptors', async () => {
  const fd = fs.openSync(at('fd'), 'w+');
  assert.equal(fs.writeSync(fd, 'hello world'), 11);
  fs.writeSync(fd, Buffer.from('J'), 0, 1, 0);
  const buffer = Buffer.alloc(5);
  assert.equal(fs.readSync(fd, buffer, 0, 5, 0), 5);
  assert.equal(buffer.toString(), 'Jello');
  assert.equal(fs.fstatSync(fd).size, 11);
  fs.closeSync(fd);
  assert.throws(() => fs.closeSync(fd), { code: 'EBADF' });
  const handle = await fsp.open(at('fd'), 'a');
  await handle.write('!');
  await handle.close();
  const reader = await fsp.open(at('fd'));
  const { bytesRead, buffer: got } = await reader.read(Buffer.alloc(4), 0, 4, 8);
  assert.equal(got.toString('utf8', 0, bytesRead), 'rld!');
  assert.equal(await reader.readFile('utf8'), 'Jello world!');
  await reader.close();
  await assert.rejects(fsp.open(at('none')), { code: 'ENOENT' });
});

test('streams', async () => {
  const out = fs.createWriteStream(at('stream'));
  out.write('line 1\n');
  out.end('line 2\nlast');
  await once(out, 'finish');
  let text = '';
  for await (const chunk of fs.createReadStream(at('stream'), { encoding: 'utf8', highWaterMark: 4 })) text += chunk;
  assert.equal(text, 'line 1\nline 2\nlast');
  const lines = [];
  for await (const line of createInterface({ input: fs.createReadStream(at('stream')) })) lines.push(line);
  assert.deepEqual(lines, ['line 1', 'line 2', 'last']);
  await pipeline(fs.createReadStream(at('stream'), { start: 5, end: 8 }), fs.createWriteStream(at('stream2')));
  assert.equal(fs.readFileSync(at('stream2'), 'utf8'), '1\nli');
  const [error] = await once(fs.createReadStream(at('none')), 'error');
  assert.equal(error.code, 'ENOENT');
});
