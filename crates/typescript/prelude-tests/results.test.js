// What photons return to be shown. The shapes are those of the ecosystem's package: this file passes with it as well.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Table, Chart, Stats, Cards, Progress, Form, Field, Collection, ReactiveArray, ReactiveMap, ReactiveSet, isPhotonUIType } from '@portel/photon-core';

const json = (value) => JSON.parse(JSON.stringify(value));

test('a table knows its columns from its rows', () => {
  const table = new Table([{ name: 'Ann', unitPrice: 3, done: true, at: '2026-01-31', site: 'https://a.test', photo: 'a.png' }]).title('People').striped();
  assert.deepEqual(json(table), {
    _photonType: 'table',
    columns: [
      { key: 'name', label: 'Name', type: 'string', sortable: true }, { key: 'unitPrice', label: 'Unit Price', type: 'number', sortable: true },
      { key: 'done', label: 'Done', type: 'boolean', sortable: true }, { key: 'at', label: 'At', type: 'date', sortable: true },
      { key: 'site', label: 'Site', type: 'link', sortable: true }, { key: 'photo', label: 'Photo', type: 'image', sortable: true },
    ],
    fields: [],
    rows: [{ name: 'Ann', unitPrice: 3, done: true, at: '2026-01-31', site: 'https://a.test', photo: 'a.png' }],
    options: { title: 'People', striped: true },
  });
  assert.equal(table.length, 1);
  assert.ok(isPhotonUIType(table));
  assert.equal(isPhotonUIType({ type: 'x' }), false);
});

test('a table as text', () => {
  const table = new Table().column('a', 'A', 'number').columns([['b', 'B']]).rows([{ a: 1, b: 'x' }, { a: 2 }]).title('T').paginated(20);
  assert.equal(String(table), '## T\n\n| A | B |\n| --- | --- |\n| 1 | x |\n| 2 |  |');
  assert.equal(String(new Table()), '(No data)');
  assert.deepEqual(json(table).options, { title: 'T', paginated: true, pageSize: 20 });
});

test('fields of a table', () => {
  const table = new Table().text('name', { label: 'Who' }).boolean('ok').field(Field.percent('share', { multiply: true })).rows([{ name: 'Ann', ok: false, share: 0.25 }]);
  assert.equal(String(table), '| Who | Ok | Share |\n| --- | --- | --- |\n| Ann | No | 25.0% |');
  assert.deepEqual(json(table).fields[2], { type: 'percent', source: 'share', options: { decimals: 1, multiply: true } });
});

test('charts', () => {
  const chart = new Chart('bar').title('Sales').labels(['Q1', 'Q2']).series('2026', [1, 2], '#f00').stacked().xAxis('Quarter').grid(false);
  assert.deepEqual(json(chart), {
    _photonType: 'chart', chartType: 'bar', labels: ['Q1', 'Q2'], series: [{ name: '2026', data: [1, 2], color: '#f00' }], data: [],
    options: { legend: true, showGrid: false, animate: true, title: 'Sales', stacked: true, xAxisLabel: 'Quarter' },
  });
  assert.equal(String(chart), '## Sales\n\n|  | 2026 |\n| --- | --- |\n| Q1 | 1 |\n| Q2 | 2 |');
  assert.equal(String(new Chart('pie').data([{ label: 'a', value: 1 }, { label: 'b', value: 3 }])), '- a: 1 (25.0%)\n- b: 3 (75.0%)');
});

test('figures', () => {
  const stats = new Stats().title('Today').stat('Runs', 12, { trend: '+3', trendUp: true }).currency('Paid', 9).percent('Good', 98).count('Seen', 1500);
  assert.deepEqual(json(stats), {
    _photonType: 'stats',
    stats: [
      { label: 'Runs', value: 12, trend: '+3', trendUp: true }, { label: 'Paid', value: 9, format: 'currency', prefix: '$' },
      { label: 'Good', value: 98, format: 'percent', suffix: '%' }, { label: 'Seen', value: 1500, format: 'compact' },
    ],
    options: { columns: 4, bordered: true, animated: true, title: 'Today' },
  });
  assert.equal(String(stats), '## Today\n\n**Runs**: 12 (↑+3)\n**Paid**: $9\n**Good**: 98%\n**Seen**: 1.5K');
});

test('cards', () => {
  const cards = new Cards([{ title: 'A', status: 'new', url: 'https://a.test' }]).title('All').columns(2);
  assert.deepEqual(json(cards), {
    _photonType: 'cards', items: [{ title: 'A', status: 'new', url: 'https://a.test' }], fields: { heading: 'title', badge: 'status', link: 'url' },
    options: { columns: 2, hoverable: true, bordered: true, aspectRatio: 'auto', title: 'All' },
  });
  assert.equal(String(cards), '## All\n\n### A\n[new]\n\nLink: https://a.test');
});

test('progress', () => {
  assert.equal(String(new Progress(50)), `[${'█'.repeat(10)}${'░'.repeat(10)}] 50%`);
  const steps = new Progress().step('One', 'completed').step('Two', 'current').step('Three');
  assert.equal(String(steps), '[✓] One → [●] Two → [ ] Three');
  assert.equal(json(steps).options.style, 'steps');
  assert.deepEqual(json(new Progress('circle').value(3, 4).bar('a', 1)).bars, [{ label: 'a', value: 1, max: 100, showValue: true }]);
});

test('forms', () => {
  const form = new Form().title('New').text('fullName').select('size', 'Size', ['S', 'M'], { required: true }).range('n').hidden('id', 7).submit('Save', 'create');
  assert.deepEqual(json(form), {
    _photonType: 'form',
    fields: [
      { name: 'fullName', type: 'text', label: 'Full Name' }, { name: 'size', type: 'select', label: 'Size', options: ['S', 'M'], required: true },
      { name: 'n', type: 'range', label: 'N', min: 0, max: 100, step: 1 }, { name: 'id', type: 'hidden', label: 'Id', defaultValue: 7 },
    ],
    options: { layout: 'vertical', columns: 1, submitLabel: 'Save', title: 'New', submitMethod: 'create' },
  });
});

test('collections', () => {
  const list = Collection.from([{ n: 3, k: 'a' }, { n: 1, k: 'b' }, { n: 2, k: 'a' }]);
  assert.ok(Array.isArray(list));
  assert.deepEqual([...list.where('k', 'a').pluck('n')], [3, 2]);
  assert.deepEqual([...list.where('n', '>=', 2).pluck('n')], [3, 2]);
  assert.deepEqual([...list.sortBy('n').pluck('n')], [1, 2, 3]);
  assert.deepEqual([...list.sortBy('n', 'desc').take(2).pluck('n')], [3, 2]);
  assert.deepEqual(Object.entries(list.groupBy('k')).map(([k, items]) => [k, items.count()]), [['a', 2], ['b', 1]]);
  assert.deepEqual([list.sum('n'), list.avg('n'), list.max('n').n, list.min('n').n, list.unique('k').count()], [6, 2, 3, 1, 2]);
  assert.deepEqual([list.first((item) => item.n < 3).n, list.last().n, list.skip(2).length, list.query((item) => item.n > 5).isEmpty()], [1, 2, 1, true]);
  assert.equal(list.aggregate((sum, item) => sum + item.n, 10), 16);
  assert.deepEqual(json(list.take(1)), [{ n: 3, k: 'a' }]);
  assert.deepEqual(json(list.take(1).as('cards', { columns: 2 })), { _photonType: 'collection:cards', items: [{ n: 3, k: 'a' }], count: 1, renderOptions: { columns: 2 } });
  assert.throws(() => list.where('n', '~', 1), /~/);
});

test('lists that tell what changes', () => {
  const told = [];
  const list = ReactiveArray.create('items', (event) => told.push(event), [1]);
  list.push(2);
  list.pop();
  assert.deepEqual([...list], [1]);
  assert.deepEqual(told, ['items:added', 'items:removed']);
  const map = ReactiveMap.create('m', (event) => told.push(event));
  map.set('a', 1);
  map.set('b', 2);
  assert.equal(map.size, 2);
  const set = ReactiveSet.create('s', (event) => told.push(event));
  set.add('x');
  set.add('y');
  set.delete('x');
  assert.deepEqual([...set], ['y']);
});
