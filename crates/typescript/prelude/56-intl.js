// `Intl`, for the locales of `crates/typescript/src/pure/intl`: which locale is meant, options, plural rules. The data
// are the Unicode CLDR's; the host hands them out when they are first asked for, and they are heap from then on.

const intlData = { shared: undefined, locales: new Map(), zones: new Map() };

const intlShared = () => intlData.shared ??= pure('intl.shared', {}).value;

/** What a locale has beside what its parent has. */
function mergeLocale(parent, child) {
  const merged = { ...parent };
  for (const [key, value] of Object.entries(child)) {
    if (value === null) delete merged[key];
    else merged[key] = isObject(value) && !Array.isArray(value) && isObject(merged[key]) ? mergeLocale(merged[key], value) : value;
  }
  return merged;
}

function localeData(name) {
  let data = intlData.locales.get(name);
  if (!data) {
    const { parent, ...own } = pure('intl.locale', { locale: name }).value;
    data = parent ? mergeLocale(localeData(parent), own) : own;
    intlData.locales.set(name, data);
  }
  return data;
}

const DEFAULT_LOCALE = 'en-US';

/** `DE-de-u-HC-h23` → `de-DE-u-hc-h23`; a RangeError if it is no language tag. */
function canonicalLocale(tag) {
  if (!/^[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*(-[a-z0-9](-[a-z0-9]{1,8})+)*$/i.test(tag)) {
    throw new RangeError(`Incorrect locale information provided: ${inspect(tag)} is no language tag`);
  }
  let extension = false;
  return tag.split('-').map((part, i) => {
    extension ||= part.length === 1;
    if (i === 0 || extension) return part.toLowerCase();
    if (part.length === 4 && !/^\d/.test(part)) return part[0].toUpperCase() + part.slice(1).toLowerCase();
    return part.length === 2 ? part.toUpperCase() : part.toLowerCase();
  }).join('-');
}

function requestedLocales(locales) {
  if (locales === undefined) return [];
  if (locales === null) throw new TypeError('Cannot convert null to a list of locales');
  const list = typeof locales === 'string' || locales instanceof IntlLocale ? [locales] : Array.from(Object(locales));
  return [...new Set(list.map((tag) => {
    if (typeof tag !== 'string' && !isObject(tag)) throw new TypeError('Incorrect locale information provided');
    return canonicalLocale(String(tag));
  }))];
}

/** Other names of languages that are known. */
const languageAliases = { no: 'nb', 'zh-TW': 'zh-Hant', 'zh-HK': 'zh-Hant', 'zh-MO': 'zh-Hant', iw: 'he', in: 'id', tl: 'fil' };

/** The data that a tag without extensions means, and what it is then called: `{name, tag}`. */
function findLocale(tag) {
  const { locales, regions } = intlShared();
  for (let at = tag; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('-')))) {
    const known = languageAliases[at] ?? regions[at] ?? at;
    if (locales.includes(known)) return { name: known, tag: at };
    // `zh-Hans-CN`, `de-Latn`: the script goes without saying.
    const [language, script, region] = at.split('-');
    if (script?.length === 4 && script !== 'Hant') {
      const found = findLocale(region ? `${language}-${region}` : language);
      return found && { name: found.name, tag: at };
    }
  }
  return undefined;
}

/** The locale to use: `{locale, data, extension}`; `extension` holds the keys of `-u-`. */
function resolveLocale(locales) {
  for (const requested of requestedLocales(locales)) {
    const [tag, rest = ''] = requested.split(/-u-/);
    const found = findLocale(tag.replace(/-[a-z0-9]-.*$/, ''));
    if (found) {
      const extension = {};
      for (const [, key, value] of rest.matchAll(/(?:^|-)([a-z0-9][a-z])((?:-[a-z0-9]{3,8})*)(?=-|$)/g)) extension[key] = value.slice(1) || 'true';
      return { locale: found.tag, data: localeData(found.name), extension };
    }
  }
  return { locale: DEFAULT_LOCALE, data: localeData('en'), extension: {} };
}

const supportedLocales = (locales) => requestedLocales(locales).filter((tag) => findLocale(tag.replace(/-[a-z0-9]-.*$/, '')));

function intlOptions(options) {
  if (options === undefined) return Object.create(null);
  if (options === null) throw new TypeError('Cannot convert null to options');
  return Object(options);
}

/** One of several texts. */
function chosen(options, name, allowed, otherwise) {
  const value = options[name];
  if (value === undefined) return otherwise;
  const text = String(value);
  if (allowed && !allowed.includes(text)) throw new RangeError(`Value ${text} out of range for Intl options property ${name}`);
  return text;
}

/** A whole number in a range. */
function wholeOption(options, name, least, most, otherwise) {
  const value = options[name];
  if (value === undefined) return otherwise;
  const number = Number(value);
  if (!(number >= least && number <= most)) throw new RangeError(`${name} value is out of range.`);
  return Math.floor(number);
}

/** A condition of a plural rule: `n % 10 = 2..4`. */
function meets(condition, operands) {
  const [, name, modulus, not, list] = /^([nivwftce])(?: % (\d+))? (!?)= (.+)$/.exec(condition);
  const value = modulus ? operands[name] % Number(modulus) : operands[name];
  const found = list.split(',').some((range) => {
    const [from, to = from] = range.split('..').map(Number);
    return value >= from && value <= to && (from === to || Number.isInteger(value));
  });
  return found !== (not === '!');
}

/** The category of a number that is shown as `integer` and `fraction` digits. */
function pluralCategory(rules, integer, fraction = '', exponent = 0) {
  const kept = fraction.replace(/0+$/, '');
  const operands = {
    n: Number(`${integer}.${fraction || 0}`), i: Number(integer), v: fraction.length, w: kept.length, f: Number(fraction || 0), t: Number(kept || 0),
    c: exponent, e: exponent,
  };
  for (const [category, rule] of Object.entries(rules)) {
    if (rule.split(' or ').some((all) => all.split(' and ').every((condition) => meets(condition, operands)))) return category;
  }
  return 'other';
}

/** A text that depends on a plural category. */
const pluralText = (forms, category) => (typeof forms === 'string' ? forms : forms[category] ?? forms.other);

class IntlLocale {
  #tag;
  constructor(tag, options = {}) {
    const [language, ...rest] = canonicalLocale(String(tag)).split('-');
    const [, script, region] = /^(?:([A-Z][a-z]{3})(?:-|$))?(?:([A-Z]{2}|\d{3})(?:-|$))?/.exec(rest.join('-')) ?? [];
    const extension = /-u-.*/.exec(canonicalLocale(String(tag)))?.[0] ?? '';
    const keys = { calendar: 'ca', collation: 'co', hourCycle: 'hc', numberingSystem: 'nu' };
    const extra = Object.entries(keys).filter(([name]) => options[name] !== undefined).map(([name, key]) => `-${key}-${options[name]}`).join('');
    const parts = [options.language ?? language, options.script ?? script, options.region ?? region].filter((part) => part !== undefined);
    this.#tag = canonicalLocale(parts.join('-') + extension + (extra && (extension ? extra : `-u${extra}`)));
  }
  get baseName() { return this.#tag.replace(/-u-.*/, ''); }
  get language() { return this.#tag.split('-')[0]; }
  get script() { return this.baseName.split('-').slice(1).find((part) => part.length === 4); }
  get region() { return this.baseName.split('-').slice(1).find((part) => /^([A-Z]{2}|\d{3})$/.test(part)); }
  #key(key) { return new RegExp(`-${key}-([a-z0-9]{3,8})`).exec(this.#tag)?.[1]; }
  get calendar() { return this.#key('ca'); }
  get collation() { return this.#key('co'); }
  get hourCycle() { return this.#key('hc'); }
  get numberingSystem() { return this.#key('nu'); }
  toString() { return this.#tag; }
}

/** What every class of Intl has. */
function intlClass(name, Class) {
  defineHidden(Class, { supportedLocalesOf: (locales) => supportedLocales(locales) });
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: `Intl.${name}`, configurable: true });
  return Class;
}
