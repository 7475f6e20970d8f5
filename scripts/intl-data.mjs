#!/usr/bin/env node
// Writes crates/typescript/src/pure/intl/: what `Intl` knows of locales, taken from the Unicode CLDR's own packages.
// Usage: npm install --prefix DIR cldr-core@48 cldr-numbers-full@48 cldr-dates-full@48 cldr-misc-full@48 cldr-units-full@48
//        scripts/intl-data DIR
import fs from 'node:fs';
import path from 'node:path';

const source = path.join(path.resolve(process.argv[2] ?? '.'), 'node_modules');
const target = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../crates/typescript/src/pure/intl');
const read = (file) => JSON.parse(fs.readFileSync(path.join(source, file), 'utf8'));

const LOCALES = `en en-AU en-CA en-GB en-IE en-IN en-NZ en-ZA de de-AT de-CH fr fr-CA fr-CH es es-AR es-MX es-US it pt pt-PT nl sv da nb
  fi pl cs sk hu ro bg hr el ru uk tr he hi id vi ja ko zh zh-Hant`.split(/\s+/);
const CURRENCIES = `USD EUR GBP JPY CNY INR AUD CAD CHF SEK NOK DKK ISK PLN CZK HUF RON BGN RUB UAH TRY BRL MXN ARS CLP COP KRW TWD HKD SGD
  THB IDR MYR PHP VND ILS SAR AED KWD BHD ZAR EGP NGN KES NZD PKR`.split(/\s+/);
const UNITS = `acre bit byte celsius centimeter day degree fahrenheit fluid-ounce foot gallon gigabit gigabyte gram hectare hour inch kilobit
  kilobyte kilogram kilometer liter megabit megabyte meter microsecond mile mile-scandinavian milliliter millimeter millisecond minute month
  nanosecond ounce percent petabyte pound second stone terabit terabyte week yard year`.split(/\s+/);
/** Zones whose names are kept in languages other than English. */
const WELL_KNOWN = new Set(`America_Eastern America_Central America_Mountain America_Pacific Alaska Hawaii Atlantic Argentina Brasilia Europe_Central
  Europe_Eastern Europe_Western GMT Moscow Turkey Israel Arabian Gulf India China Hong_Kong Japan Korea Singapore Indochina Indonesia_Western
  Australia_Eastern Australia_Central Australia_Western New_Zealand Africa_Southern`.split(/\s+/));

const clean = (pattern) => pattern?.replace(/-alt-.*$/, '');
/** `{prefix-count-one: …, prefix-count-other: …}` as `{one, other}`; as one text if all are the same. */
function byPlural(of, prefix) {
  const forms = {};
  for (const [key, value] of Object.entries(of)) {
    const found = key.match(new RegExp(`^${prefix}-count-(zero|one|two|few|many|other)$`));
    if (found) forms[found[1]] = value;
  }
  return one(forms);
}
function one(forms) {
  const values = new Set(Object.values(forms));
  return values.size === 1 ? [...values][0] : forms;
}

function compact(formats) {
  const out = [];
  for (let zeros = 3; zeros <= 14; zeros++) {
    const forms = byPlural(formats, `1${'0'.repeat(zeros)}`);
    out.push(typeof forms === 'object' && Object.keys(forms).length === 0 ? '0' : forms);
  }
  return out;
}

function numbers(locale) {
  const all = read(`cldr-numbers-full/main/${locale}/numbers.json`).main[locale].numbers;
  const symbols = all['symbols-numberSystem-latn'];
  const [decimal, percent, currency] = ['decimal', 'percent', 'currency'].map((kind) => all[`${kind}Formats-numberSystem-latn`]);
  const names = read(`cldr-numbers-full/main/${locale}/currencies.json`).main[locale].numbers.currencies;
  const currencies = {};
  for (const code of CURRENCIES) {
    const { symbol = code, 'symbol-alt-narrow': narrow = symbol, displayName = code, ...rest } = names[code] ?? {};
    const forms = byPlural(rest, 'displayName');
    currencies[code] = [symbol, narrow, typeof forms === 'object' && Object.keys(forms).length === 0 ? displayName : forms];
  }
  const short = currency.short?.standard ?? {};
  return {
    symbols: ['decimal', 'group', 'minusSign', 'plusSign', 'percentSign', 'exponential', 'infinity', 'nan', 'approximatelySign'].map((name) => symbols[name]),
    currencySymbols: [symbols.currencyDecimal ?? null, symbols.currencyGroup ?? null],
    minimumGrouping: Number(all.minimumGroupingDigits),
    patterns: {
      decimal: decimal.standard, percent: percent.standard, currency: currency.standard, currencyAlpha: currency['standard-alphaNextToNumber'] ?? currency.standard,
      accounting: currency.accounting, accountingAlpha: currency['accounting-alphaNextToNumber'] ?? currency.accounting,
    },
    currencyName: byPlural(currency, 'unitPattern'),
    short: compact(decimal.short.decimalFormat), long: compact(decimal.long.decimalFormat), shortCurrency: compact(short),
    currencies,
  };
}

function units(locale) {
  const all = read(`cldr-units-full/main/${locale}/units.json`).main[locale].units;
  const out = {};
  for (const width of ['long', 'short', 'narrow']) {
    const of = {};
    for (const [key, value] of Object.entries(all[width])) {
      const name = key.slice(key.indexOf('-') + 1);
      if (key.includes('-') && UNITS.includes(name) && !(name in of)) {
        const pattern = byPlural(value, 'unitPattern');
        of[name] = value.perUnitPattern ? { ...(typeof pattern === 'string' ? { other: pattern } : pattern), per: value.perUnitPattern } : pattern;
      }
      if (['speed-kilometer-per-hour', 'speed-mile-per-hour', 'consumption-liter-per-kilometer'].includes(key)) of[name] = byPlural(value, 'unitPattern');
    }
    of.per = all[width].per.compoundUnitPattern;
    out[width] = of;
  }
  return out;
}

const ordered = (names, keys) => keys.map((key) => names[key]);
const MONTHS = Array.from({ length: 12 }, (_, i) => String(i + 1));
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function dates(locale) {
  const all = read(`cldr-dates-full/main/${locale}/ca-gregorian.json`).main[locale].dates.calendars.gregorian;
  const list = (names, keys, first) => {
    const widths = (use) => Object.fromEntries(['abbreviated', 'wide', 'narrow'].map((width) => [width, ordered(names[use][width], keys)]));
    const [format, alone] = [widths('format'), widths('stand-alone')];
    return JSON.stringify(format) === JSON.stringify(alone) ? { format } : { format, alone };
  };
  const available = {};
  for (const [skeleton, pattern] of Object.entries(all.dateTimeFormats.availableFormats)) {
    if (/^[GyMEdhHmsv]+$/.test(skeleton) && !/-alt-|-count-/.test(skeleton)) available[skeleton] = pattern;
  }
  const styles = (formats) => ['full', 'long', 'medium', 'short'].map((style) => formats[style]);
  const at = all['dateTimeFormats-atTime'];
  return {
    months: list(all.months, MONTHS), days: list(all.days, DAYS),
    periods: Object.fromEntries(['abbreviated', 'wide', 'narrow'].map((width) => [width, ordered(all.dayPeriods.format[width], ['am', 'pm'])])),
    eras: [ordered(all.eras.eraNames, ['0', '1']), ordered(all.eras.eraAbbr, ['0', '1']), ordered(all.eras.eraNarrow, ['0', '1'])],
    date: styles(all.dateFormats), time: styles(all.timeFormats), glue: styles(all.dateTimeFormats), at: styles(at?.standard ?? at ?? all.dateTimeFormats),
    available,
  };
}

function zones(locale) {
  const all = read(`cldr-dates-full/main/${locale}/timeZoneNames.json`).main[locale].dates.timeZoneNames;
  const names = {};
  const three = ({ standard = null, daylight = null, generic = null }) => [standard, daylight, generic];
  const both = ({ long = {}, short = {} }) => [three(long), three(short)].map((of) => (of.every((name) => name === null) ? null : of));
  for (const [zone, of] of Object.entries(all.metazone ?? {})) {
    if (locale.startsWith('en') || WELL_KNOWN.has(zone)) names[zone] = both(of);
  }
  // Zones with names of their own.
  const own = {};
  for (const [zone, of] of [['UTC', all.zone?.Etc?.UTC], ['Europe/London', all.zone?.Europe?.London], ['Europe/Dublin', all.zone?.Europe?.Dublin], ['Pacific/Honolulu', all.zone?.Pacific?.Honolulu]]) {
    if (of) own[zone] = both(of);
  }
  return { gmt: all.gmtFormat, hour: all.hourFormat, own, names };
}

function relative(locale) {
  const all = read(`cldr-dates-full/main/${locale}/dateFields.json`).main[locale].dates.fields;
  const out = {};
  for (const unit of ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year']) {
    for (const [width, end] of [['long', ''], ['short', '-short'], ['narrow', '-narrow']]) {
      const of = all[`${unit}${end}`];
      const said = {};
      for (const [key, value] of Object.entries(of)) {
        const found = key.match(/^relative-type-(-?[012])$/);
        if (found) said[found[1]] = value;
      }
      const way = (name) => byPlural(of[`relativeTime-type-${name}`] ?? {}, 'relativeTimePattern');
      ((out[width] ??= {})[unit] = [way('past'), way('future'), said]);
    }
  }
  return out;
}

function lists(locale) {
  const all = read(`cldr-misc-full/main/${locale}/listPatterns.json`).main[locale].listPatterns;
  const out = {};
  for (const [type, name] of [['conjunction', 'standard'], ['disjunction', 'or'], ['unit', 'unit']]) {
    out[type] = ['', '-short', '-narrow'].map((end) => ordered(all[`listPattern-type-${name}${end}`], ['2', 'start', 'middle', 'end']));
  }
  return out;
}

const cardinals = read('cldr-core/supplemental/plurals.json').supplemental['plurals-type-cardinal'];
const ordinals = read('cldr-core/supplemental/ordinals.json').supplemental['plurals-type-ordinal'];
function plurals(locale) {
  const language = locale.split('-')[0];
  const rules = (all) => {
    const of = all[locale] ?? all[language] ?? {};
    const kept = Object.entries(of).map(([key, rule]) => [key.slice('pluralRule-count-'.length), rule.split('@')[0].trim()]);
    return Object.fromEntries(kept.filter(([category]) => category !== 'other'));
  };
  return { cardinal: rules(cardinals), ordinal: rules(ordinals) };
}

const likely = read('cldr-core/supplemental/likelySubtags.json').supplemental.likelySubtags;
const timeData = read('cldr-core/supplemental/timeData.json').supplemental.timeData;
const regionOf = (locale) => {
  const [, second, third] = locale.split('-');
  const region = [second, third].find((part) => /^[A-Z]{2}$/.test(part ?? ''));
  return region ?? (likely[locale] ?? likely[locale.split('-')[0]]).split('-').at(-1);
};

function data(locale) {
  const region = regionOf(locale);
  const preferred = (timeData[`${locale.split('-')[0]}-${region}`] ?? timeData[`${locale.split('-')[0]}_${region}`] ?? timeData[region] ?? timeData['001'])._preferred;
  return {
    region, hourCycle: { h: 'h12', H: 'h23', K: 'h11', k: 'h24' }[preferred[0]],
    numbers: numbers(locale), units: units(locale), dates: dates(locale), zones: zones(locale), relative: relative(locale), lists: lists(locale),
    plurals: plurals(locale),
  };
}

/** What differs from the parent. Lists are taken whole. */
function difference(parent, child) {
  const out = {};
  for (const [key, value] of Object.entries(child)) {
    const before = parent?.[key];
    if (JSON.stringify(before) === JSON.stringify(value)) continue;
    const both = [before, value].every((v) => v !== null && typeof v === 'object' && !Array.isArray(v));
    out[key] = both ? difference(before, value) : value;
  }
  // What the child does not have: null takes it away.
  for (const key of Object.keys(parent ?? {})) if (!(key in child)) out[key] = null;
  return out;
}

fs.rmSync(target, { recursive: true, force: true });
fs.mkdirSync(target, { recursive: true });
const all = Object.fromEntries(LOCALES.map((locale) => [locale, data(locale)]));
let lines = '';
for (const locale of LOCALES) {
  const language = locale.split('-')[0];
  const parent = locale !== language && locale !== 'zh-Hant' ? language : undefined;
  const content = parent ? { parent, ...difference(all[parent], all[locale]) } : all[locale];
  lines += `${locale}\t${JSON.stringify(content)}\n`;
}
fs.writeFileSync(path.join(target, 'locales.tsv'), lines);

// Zone → the metazone whose name it has today.
const metazones = {};
const walk = (node, name) => {
  if (Array.isArray(node)) {
    const now = node.map((entry) => entry.usesMetazone).find((use) => use._to === undefined);
    if (now) (metazones[now._mzone] ??= []).push(name);
    return;
  }
  for (const [key, value] of Object.entries(node)) walk(value, name ? `${name}/${key}` : key);
};
walk(read('cldr-core/supplemental/metaZones.json').supplemental.metaZones.metazoneInfo.timezone, '');
// CLDR keeps some zones under the names that they had.
const renamed = { 'Asia/Calcutta': 'Asia/Kolkata', 'Asia/Saigon': 'Asia/Ho_Chi_Minh', 'Asia/Katmandu': 'Asia/Kathmandu', 'Asia/Rangoon': 'Asia/Yangon', 'Europe/Kiev': 'Europe/Kyiv', 'America/Buenos_Aires': 'America/Argentina/Buenos_Aires' };
for (const zones of Object.values(metazones)) for (const [old, now] of Object.entries(renamed)) if (zones.includes(old) && !zones.includes(now)) zones.push(now);
const fractions = {};
for (const [code, { _digits }] of Object.entries(read('cldr-core/supplemental/currencyData.json').supplemental.currencyData.fractions)) {
  if (code !== 'DEFAULT' && _digits !== '2') fractions[code] = Number(_digits);
}
const shared = {
  cldr: read('cldr-core/package.json').version, metazones, fractions,
  // `de-DE` is `de`: the region that a language has of itself.
  regions: Object.fromEntries(LOCALES.filter((locale) => !/-[A-Z]{2}$/.test(locale)).map((locale) => [`${locale.split('-')[0]}-${all[locale].region}`, locale])),
  locales: LOCALES,
};
fs.writeFileSync(path.join(target, 'shared.json'), `${JSON.stringify(shared)}\n`);
