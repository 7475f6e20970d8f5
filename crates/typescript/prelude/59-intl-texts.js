// Intl.RelativeTimeFormat, ListFormat, and what the language's own values have of all that: `toLocaleString`
// and its like.

class RelativeTimeFormat {
  #locale;
  #data;
  #o;
  #numbers;
  constructor(locales, options) {
    const { locale, data } = resolveLocale(locales);
    const given = intlOptions(options);
    this.#o = { style: chosen(given, 'style', ['long', 'short', 'narrow'], 'long'), numeric: chosen(given, 'numeric', ['always', 'auto'], 'always') };
    [this.#locale, this.#data, this.#numbers] = [locale, data, new NumberFormat(locale)];
  }
  format(value, unit) { return this.formatToParts(value, unit).map((part) => part.value).join(''); }
  formatToParts(value, unit) {
    const number = Number(value);
    const name = String(unit).replace(/s$/, '');
    const of = this.#data.relative[this.#o.style];
    if (!Object.hasOwn(of, name)) throw new RangeError(`Invalid unit argument for format() '${unit}'`);
    if (!Number.isFinite(number)) throw new RangeError('Invalid number value for format()');
    const [past, future, said] = of[name];
    if (this.#o.numeric === 'auto' && Object.hasOwn(said, number)) return [{ type: 'literal', value: said[number] }];
    const parts = this.#numbers.formatToParts(Math.abs(number));
    const digits = (type) => parts.filter((part) => part.type === type).map((part) => part.value).join('');
    const category = pluralCategory(this.#data.plurals.cardinal, digits('integer'), digits('fraction'));
    const pattern = pluralText(number < 0 || Object.is(number, -0) ? past : future, category);
    return fillPattern(pattern, { 0: parts.map((part) => ({ ...part, unit: name })) });
  }
  resolvedOptions() { return { locale: this.#locale, ...this.#o, numberingSystem: 'latn' }; }
}

class ListFormat {
  #locale;
  #data;
  #o;
  constructor(locales, options) {
    const { locale, data } = resolveLocale(locales);
    const given = intlOptions(options);
    this.#o = { type: chosen(given, 'type', ['conjunction', 'disjunction', 'unit'], 'conjunction'), style: chosen(given, 'style', ['long', 'short', 'narrow'], 'long') };
    [this.#locale, this.#data] = [locale, data];
  }
  format(list) { return this.formatToParts(list).map((part) => part.value).join(''); }
  formatToParts(list) {
    const items = list === undefined ? [] : [...list];
    const wrong = items.findIndex((item) => typeof item !== 'string');
    if (wrong >= 0) throw new TypeError('Iterable yielded a non-String value');
    const elements = items.map((value) => [{ type: 'element', value }]);
    const [two, start, middle, end] = this.#data.lists[this.#o.type][['long', 'short', 'narrow'].indexOf(this.#o.style)];
    if (elements.length < 2) return elements.flat();
    if (elements.length === 2) return fillPattern(this.#adapted(two, items[1]), elements);
    let whole = elements.at(-1);
    for (let i = elements.length - 2; i >= 0; i--) {
      const pattern = i === elements.length - 2 ? this.#adapted(end, items.at(-1)) : i === 0 ? start : middle;
      whole = fillPattern(pattern, { 0: elements[i], 1: whole });
    }
    return whole;
  }
  /** Spanish says `e` before an i, and `u` before an o; Hebrew joins what is not Hebrew with a hyphen. */
  #adapted(pattern, next) {
    if (this.#locale.startsWith('he')) return /^\p{Script=Hebrew}/u.test(next) ? pattern : pattern.replace('ו{1}', 'ו-{1}');
    if (!this.#locale.startsWith('es')) return pattern;
    if (/^(hi(?![ae])|i)/i.test(next)) return pattern.replace('} y {', '} e {');
    return /^(h?o|8)/i.test(next) ? pattern.replace('} o {', '} u {') : pattern;
  }
  resolvedOptions() { return { locale: this.#locale, ...this.#o }; }
}

/** What is made for one call of `toLocaleString` serves the next with the same arguments. */
const madeFormats = new Map();
function madeOnce(kind, locales, options, make) {
  if (options !== undefined || !(locales === undefined || typeof locales === 'string')) return make();
  const key = `${kind} ${locales}`;
  let made = madeFormats.get(key);
  if (!made) {
    if (madeFormats.size >= 32) madeFormats.clear();
    madeFormats.set(key, made = make());
  }
  return made;
}

const dateAsText = (kind, required, defaults) => function (locales, options) { // eslint-disable-line func-names
  const ms = Date.prototype.getTime.call(this);
  if (Number.isNaN(ms)) return 'Invalid Date';
  return madeOnce(kind, locales, options, () => new DateTimeFormat(locales, options, required, defaults)).format(ms);
};
const method = (name, length, call) => Object.defineProperties(call, { name: { value: name, configurable: true }, length: { value: length, configurable: true } });

defineHidden(Date.prototype, {
  toLocaleString: method('toLocaleString', 0, dateAsText('date and time', 'any', 'all')),
  toLocaleDateString: method('toLocaleDateString', 0, dateAsText('date', 'date', 'date')),
  toLocaleTimeString: method('toLocaleTimeString', 0, dateAsText('time', 'time', 'time')),
});
for (const Class of [Number, BigInt]) {
  defineHidden(Class.prototype, {
    toLocaleString: method('toLocaleString', 0, function toLocaleString(locales, options) {
      return madeOnce('number', locales, options, () => new NumberFormat(locales, options)).format(Class.prototype.valueOf.call(this));
    }),
  });
}
for (const Class of [Array, Object.getPrototypeOf(Uint8Array)]) {
  defineHidden(Class.prototype, {
    toLocaleString: method('toLocaleString', 0, function toLocaleString(locales, options) {
      return Array.from(this, (item) => (item === null || item === undefined ? '' : String(item.toLocaleString(locales, options)))).join(',');
    }),
  });
}
defineHidden(String.prototype, {
  localeCompare: method('localeCompare', 1, function localeCompare(that, locales, options) {
    return madeOnce('text', locales, options, () => new Collator(locales, options)).compare(String(this), String(that));
  }),
  toLocaleUpperCase: method('toLocaleUpperCase', 0, function toLocaleUpperCase(locales) {
    const text = String(this);
    return /^(tr|az)\b/.test(requestedLocales(locales)[0] ?? '') ? text.replaceAll('i', 'İ').toUpperCase() : text.toUpperCase();
  }),
  toLocaleLowerCase: method('toLocaleLowerCase', 0, function toLocaleLowerCase(locales) {
    const text = String(this);
    return /^(tr|az)\b/.test(requestedLocales(locales)[0] ?? '') ? text.replaceAll('İ', 'i').replaceAll('I', 'ı').toLowerCase() : text.toLowerCase();
  }),
});

const supportedValues = {
  calendar: () => ['gregory'], collation: () => [], currency: () => Object.keys(localeData('en').numbers.currencies).sort(), numberingSystem: () => ['latn'],
  timeZone: () => pure('intl.zones', {}).value, unit: () => Object.keys(localeData('en').units.long).filter((unit) => !unit.includes('-per-') && unit !== 'per').sort(),
};

/** Classes that older code calls without `new`. */
const callable = (Class) => new Proxy(Class, { apply: (target, self, args) => new target(...args) });
// The constructors take more arguments inside than outside.
const PublicDateTimeFormat = class extends DateTimeFormat {
  constructor(locales, options) { super(locales, options); }
};
Object.defineProperty(PublicDateTimeFormat, 'name', { value: 'DateTimeFormat', configurable: true });

const platformIntl = Object.create(Object.prototype, { [Symbol.toStringTag]: { value: 'Intl', configurable: true } });
defineHidden(platformIntl, {
  NumberFormat: callable(intlClass('NumberFormat', NumberFormat)),
  DateTimeFormat: callable(intlClass('DateTimeFormat', PublicDateTimeFormat)),
  Collator: callable(intlClass('Collator', Collator)),
  PluralRules: intlClass('PluralRules', PluralRules),
  RelativeTimeFormat: intlClass('RelativeTimeFormat', RelativeTimeFormat),
  ListFormat: intlClass('ListFormat', ListFormat),
  Locale: Object.defineProperty(IntlLocale, 'name', { value: 'Locale', configurable: true }),
  getCanonicalLocales: (locales) => requestedLocales(locales),
  supportedValuesOf(key) {
    if (!Object.hasOwn(supportedValues, key)) throw new RangeError(`Invalid key : ${key}`);
    return supportedValues[key]();
  },
});
defineGlobal('Intl', platformIntl);
