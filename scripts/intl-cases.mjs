// Writes crates/typescript/prelude-tests/intl.test.js: what Node says to calls of Intl, as a test of ours.
// Usage: node scripts/intl-cases.mjs (Node 20 with ICU 78; other releases have other data)
import fs from 'node:fs';

process.env.TZ = 'UTC';
const T = Date.UTC(2026, 10, 21, 15, 30, 5, 42), W = Date.UTC(2026, 6, 4, 3, 7, 9, 8);
const c = [];
const num = (v, l, o) => c.push({ k: 'number', v, l, o });
const dat = (v, l, o) => c.push({ k: 'date', v, l, o });
for (const v of [0, '-0', 1, -1, 12.5, 1234.5, 1234567.891, 0.000001234, 1e21, 123456789012345680000, 1.005, 2.5, 'NaN', 'Infinity', '-Infinity', -1234.567, 999999.9999]) num(v, 'en-US');
for (const l of ['de-DE', 'fr-FR', 'es-ES', 'es-MX', 'pt-BR', 'pt-PT', 'it-IT', 'pl-PL', 'sv-SE', 'en-IN', 'hi-IN', 'de-CH', 'de-AT', 'ru-RU', 'ja-JP', 'ko-KR', 'zh-CN', 'zh-TW', 'nb-NO', 'fi-FI', 'tr-TR', 'uk-UA', 'cs-CZ', 'hu-HU', 'nl-NL', 'da-DK', 'he-IL', 'el-GR', 'ro-RO', 'id-ID', 'vi-VN', 'fr-CA', 'fr-CH', 'en-GB', 'en-ZA', 'bg-BG', 'hr-HR', 'sk-SK']) {
  num(-1234567.891, l); num(1234.5, l);
  num(1234.5, l, { style: 'currency', currency: 'EUR' }); num(-9876.5, l, { style: 'currency', currency: 'USD' });
  num(0.256, l, { style: 'percent', maximumFractionDigits: 1 });
  num(1234567, l, { notation: 'compact' }); num(15300, l, { notation: 'compact', compactDisplay: 'long' });
  num(5.5, l, { style: 'unit', unit: 'kilometer-per-hour' }); num(3, l, { style: 'unit', unit: 'day', unitDisplay: 'long' });
  for (const o of [undefined, { dateStyle: 'full', timeStyle: 'short' }, { dateStyle: 'long' }, { dateStyle: 'medium', timeStyle: 'medium' }, { dateStyle: 'short', timeStyle: 'short' }, { year: 'numeric', month: 'long', day: 'numeric', weekday: 'long' }, { month: 'short', day: 'numeric' }, { year: 'numeric', month: 'long' }, { hour: '2-digit', minute: '2-digit' }, { weekday: 'short', hour: 'numeric' }, { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }]) dat(T, l, o);
  for (const [v, u] of [[-1, 'day'], [3, 'hours'], [-5, 'months'], [1, 'year']]) { c.push({ k: 'relative', v, u, l }); c.push({ k: 'relative', v, u, l, o: { numeric: 'auto', style: 'short' } }); }
  for (const o of [undefined, { type: 'disjunction' }, { type: 'unit', style: 'narrow' }]) for (const list of [['A', 'B'], ['A', 'B', 'C', 'D']]) c.push({ k: 'list', list, l, o });
  for (const n of [0, 1, 2, 3, 5, 11, 21, 100, 1.5]) { c.push({ k: 'plural', n, l }); if (Number.isInteger(n)) c.push({ k: 'plural', n, l, o: { type: 'ordinal' } }); }
}
for (const o of [{ style: 'currency', currency: 'USD' }, { style: 'currency', currency: 'JPY' }, { style: 'currency', currency: 'KWD' }, { style: 'currency', currency: 'EUR', currencyDisplay: 'code' }, { style: 'currency', currency: 'EUR', currencyDisplay: 'name' }, { style: 'currency', currency: 'CAD' }, { style: 'currency', currency: 'CAD', currencyDisplay: 'narrowSymbol' }, { style: 'currency', currency: 'CHF' }, { style: 'currency', currency: 'USD', minimumFractionDigits: 0 }, { style: 'currency', currency: 'USD', maximumFractionDigits: 0 }, { style: 'currency', currency: 'USD', notation: 'compact' }, { style: 'currency', currency: 'CHF', notation: 'compact' }, { style: 'currency', currency: 'USD', currencySign: 'accounting' }, { style: 'currency', currency: 'XYZ' }, { style: 'percent' }, { minimumFractionDigits: 2 }, { maximumFractionDigits: 0 }, { minimumIntegerDigits: 6 }, { maximumSignificantDigits: 3 }, { minimumSignificantDigits: 12 }, { useGrouping: false }, { useGrouping: 'min2' }, { signDisplay: 'always' }, { signDisplay: 'never' }, { signDisplay: 'exceptZero' }, { notation: 'scientific' }, { notation: 'engineering' }, { notation: 'compact' }, { notation: 'compact', compactDisplay: 'long' }, { notation: 'compact', maximumFractionDigits: 2 }, { style: 'unit', unit: 'megabyte' }, { style: 'unit', unit: 'celsius' }, { style: 'unit', unit: 'liter', unitDisplay: 'long' }, { style: 'unit', unit: 'mile-per-hour', unitDisplay: 'long' }, { style: 'unit', unit: 'meter-per-second' }, { style: 'unit', unit: 'percent' }, { roundingMode: 'floor', maximumFractionDigits: 1 }, { roundingMode: 'halfEven', maximumFractionDigits: 0 }, { trailingZeroDisplay: 'stripIfInteger', minimumFractionDigits: 2 }, { roundingIncrement: 5, maximumFractionDigits: 2, minimumFractionDigits: 2 }, { maximumFractionDigits: 2, maximumSignificantDigits: 2, roundingPriority: 'lessPrecision' }]) {
  for (const v of [0, 1, -1234.567, 2.5, 999999.5, 1.5e9, 0.0456]) num(v, 'en-US', o);
  for (const v of [1, -1234.567, 0.5]) num(v, 'de', o);
}
for (const v of ['12345678901234567890', '-0.5']) num(v, 'en-US', { style: 'decimal' });
for (const z of ['UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Asia/Tokyo', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia', '+05:30', 'America/Sao_Paulo', 'Asia/Kathmandu', 'Europe/London', 'Africa/Cairo']) {
  for (const v of [T, W]) { dat(v, 'en-US', { timeZone: z }); dat(v, 'en-US', { timeZone: z, timeZoneName: 'short' }); dat(v, 'en-US', { timeZone: z, timeZoneName: 'long', hour: 'numeric' }); dat(v, 'de-DE', { timeZone: z, dateStyle: 'full', timeStyle: 'long' }); dat(v, 'en-GB', { timeZone: z, timeZoneName: 'shortOffset', hour: 'numeric', minute: 'numeric' }); }
}
for (const o of [{ weekday: 'long' }, { weekday: 'short' }, { weekday: 'narrow' }, { month: 'long' }, { month: 'narrow' }, { month: '2-digit' }, { month: 'numeric' }, { day: 'numeric' }, { day: '2-digit' }, { year: 'numeric' }, { year: '2-digit' }, { hour: 'numeric' }, { hour: '2-digit' }, { hour: 'numeric', hour12: false }, { hour: 'numeric', hourCycle: 'h24' }, { minute: 'numeric' }, { minute: '2-digit', second: '2-digit' }, { second: 'numeric' }, { hour: 'numeric', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 }, { fractionalSecondDigits: 2 }, { era: 'short' }, { era: 'long', year: 'numeric' }, { year: 'numeric', month: 'short' }, { year: '2-digit', month: '2-digit', day: '2-digit' }, { month: 'long', day: 'numeric' }, { month: '2-digit', day: '2-digit' }, { weekday: 'long', month: 'long', day: 'numeric' }, { weekday: 'short', year: 'numeric', month: 'short', day: 'numeric' }, { weekday: 'long', day: 'numeric' }, { year: 'numeric', month: 'short', day: '2-digit', hour: 'numeric', minute: '2-digit' }, { year: 'numeric', month: 'long', day: 'numeric', hour: 'numeric', minute: 'numeric', hour12: true }, { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' }, { weekday: 'long', hour: 'numeric', minute: 'numeric' }, { dateStyle: 'full' }, { dateStyle: 'medium' }, { dateStyle: 'short' }, { timeStyle: 'full' }, { timeStyle: 'long' }, { timeStyle: 'medium' }, { timeStyle: 'short' }, { timeStyle: 'short', hour12: false }, { dateStyle: 'short', timeStyle: 'long' }, { dateStyle: 'long', timeStyle: 'full' }, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' }, { weekday: 'long', year: 'numeric' }, { day: 'numeric', hour: 'numeric' }, { timeZoneName: 'long' }]) {
  for (const l of ['en-US', 'de-DE', 'fr-FR', 'ja-JP', 'en-GB', 'es-ES', 'zh-CN']) { dat(T, l, o); }
  dat(W, 'en-US', o);
}
for (const m of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString']) for (const l of ['en-US', 'de-DE', 'sv-SE', 'en-CA']) for (const o of [undefined, { timeZone: 'America/New_York' }, { month: 'long' }, { hour: 'numeric' }]) c.push({ k: 'method', m, v: T, l, o });
for (const [v, u, o] of [[0, 'day', { numeric: 'auto' }], [1, 'day', { numeric: 'auto' }], [-1, 'week', { numeric: 'auto' }], [-1.5, 'hour'], [1000, 'second'], ['-0', 'day'], [2, 'quarters', { style: 'narrow' }]]) c.push({ k: 'relative', v, u, l: 'en-US', o });
for (const list of [[], ['A'], ['A', 'B', 'C']]) for (const o of [{ style: 'short' }, { style: 'narrow' }, { type: 'unit', style: 'short' }]) c.push({ k: 'list', list, l: 'en', o });

for (const [l, words] of Object.entries({
  en: ['a', 'B', 'A', 'b', 'résumé', 'resume', 'Resume', 'zebra', 'Äpfel', 'Apfel', '10', '9', '2 b', '_x', '-y', 'co-op', 'coop', 'Ørsted', 'straße', 'strasse', '$5', '#1', '☃', 'Жук', 'я', '日本', 'a b', 'ab', ''],
  sv: ['ö', 'z', 'å', 'ä', 'a', 'Ärlig', 'Zebra'], da: ['aabenraa', 'æble', 'øl', 'åben', 'zebra', 'ål'], es: ['ñu', 'nube', 'oso', 'nz'],
  cs: ['chata', 'cihla', 'hora', 'čaj', 'šátek', 'sval'], pl: ['łódź', 'lody', 'luk', 'żaba', 'zebra'], tr: ['ırmak', 'iyi', 'çay', 'can', 'ördek', 'su', 'şeker'],
})) for (const o of [undefined, { sensitivity: 'base' }, { numeric: true }, { caseFirst: 'upper' }]) c.push({ k: 'sort', l, o, words });

/** Known to differ, and why: docs/photons.md. */
const known = ({ l, o = {}, k }) => l === 'fr-CH' || l === 'ko-KR' || (l === 'cs-CZ' && k === 'date') || o.timeZone === '+05:30';
function number(v) {
  return ['NaN', 'Infinity', '-Infinity', '-0'].includes(v) ? Number(v) : v;
}
function answer(x) {
  switch (x.k) {
    case 'number': return new Intl.NumberFormat(x.l, x.o).format(number(x.v));
    case 'date': return new Intl.DateTimeFormat(x.l, { timeZone: 'UTC', ...x.o }).format(x.v);
    case 'method': return new Date(x.v)[x.m](x.l, x.o);
    case 'relative': return new Intl.RelativeTimeFormat(x.l, x.o).format(number(x.v), x.u);
    case 'list': return new Intl.ListFormat(x.l, x.o).format(x.list);
    case 'plural': return new Intl.PluralRules(x.l, x.o).select(x.n);
    default: return x.words.toSorted(new Intl.Collator(x.l, x.o).compare).join(' ');
  }
}

const rows = c.filter((x) => !known(x)).filter((x, i) => x.k === 'sort' || x.k === 'method' || x.l === 'en-US' || i % 4 === 0).map((x) => JSON.stringify([x, answer(x)]));
fs.writeFileSync(new URL('../crates/typescript/prelude-tests/intl.test.js', import.meta.url), `// What Node 20 (ICU ${process.versions.icu}, CLDR ${process.versions.cldr}) says to calls of Intl. Written by scripts/intl-cases.mjs.
import test from 'node:test';
import assert from 'node:assert/strict';

${[number, answer].map(String).join('\n')}

const cases = [
${rows.join(',\n')},
];

for (const kind of new Set(cases.map(([{ k }]) => k))) {
  test(kind, () => {
    const wrong = cases.filter(([x]) => x.k === kind).map(([x, want]) => [x, want, answer(x)]).filter(([, want, got]) => want !== got);
    assert.deepEqual(wrong, []);
  });
}
test('the table is whole', () => assert.ok(cases.length > 150));
`);
console.log(`${rows.length} of ${c.length} cases`);
