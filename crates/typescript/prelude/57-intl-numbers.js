// Intl.NumberFormat and Intl.PluralRules. A number is a decimal here: `{negative, digits, point}` is 0.DIGITS × 10^point.

function decimalOf(value) {
  if (typeof value === 'bigint') value = String(value);
  if (typeof value === 'string') {
    const text = value.trim();
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?$/i.test(text)) return decimalOf(Number(text));
    return decimalOfText(text);
  }
  const number = Number(value);
  if (Number.isNaN(number)) return { special: 'nan', negative: false };
  if (!Number.isFinite(number)) return { special: 'infinity', negative: number < 0 };
  return { ...decimalOfText(String(Math.abs(number))), negative: number < 0 || Object.is(number, -0) };
}

function decimalOfText(text) {
  const [, sign, whole, fraction = '', exponent = '0'] = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text);
  const all = whole + fraction;
  const digits = all.replace(/^0+/, '');
  const point = whole.length - (all.length - digits.length) + Number(exponent);
  return { negative: sign === '-', digits: digits.replace(/0+$/, ''), point: digits === '' ? 0 : point };
}

const shifted = (decimal, places) => (decimal.digits === '' ? decimal : { ...decimal, point: decimal.point + places });

/** Whether the digits that are cut off make the last one that stays bigger. */
function roundsUp(mode, negative, half, odd) {
  switch (mode) {
    case 'ceil': return !negative;
    case 'floor': return negative;
    case 'expand': return true;
    case 'trunc': return false;
    case 'halfCeil': return half > 0 || (half === 0 && !negative);
    case 'halfFloor': return half > 0 || (half === 0 && negative);
    case 'halfTrunc': return half > 0;
    case 'halfEven': return half > 0 || (half === 0 && odd);
    default: return half >= 0;
  }
}

/** Keeps `places` digits behind the point. */
function rounded(decimal, places, mode) {
  const { negative, digits, point } = decimal;
  const keep = point + places;
  if (keep >= digits.length) return decimal;
  const cut = keep < 0 ? `0${digits}` : digits.slice(keep);
  const half = cut[0] === '5' ? (/^50*$/.test(cut) ? 0 : 1) : cut[0] > '5' ? 1 : -1;
  let kept = keep <= 0 ? '' : digits.slice(0, keep);
  let at = point;
  if (roundsUp(mode, negative, half, Number(kept.at(-1) ?? 0) % 2 === 1)) {
    if (keep <= 0) {
      kept = '1';
      at = 1 - places;
    } else {
      const more = String(BigInt(kept) + 1n);
      at += more.length - kept.length;
      kept = more;
    }
  }
  kept = kept.replace(/0+$/, '');
  return { negative, digits: kept, point: kept === '' ? 0 : at };
}

/** The digits before and behind the point. */
function spelled({ digits, point }, minimumFraction = 0) {
  const integer = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0');
  const fraction = point < 0 ? '0'.repeat(-point) + digits : digits.slice(Math.max(0, point));
  return { integer, fraction: fraction.padEnd(minimumFraction, '0') };
}

function roundFraction(decimal, { minimumFractionDigits, maximumFractionDigits, roundingMode, roundingIncrement = 1 }) {
  let result = rounded(decimal, maximumFractionDigits, roundingMode);
  if (roundingIncrement > 1) {
    const scaled = Number(`${decimal.digits || 0}e${decimal.point - decimal.digits.length + maximumFractionDigits}`) / roundingIncrement;
    const whole = rounded(decimalOf(scaled), 0, roundingMode);
    result = shifted(decimalOf(BigInt(spelled(whole).integer) * BigInt(roundingIncrement)), -maximumFractionDigits);
  }
  return { decimal: result, ...spelled(result, minimumFractionDigits), magnitude: -maximumFractionDigits };
}

function roundSignificant(decimal, { minimumSignificantDigits, maximumSignificantDigits, roundingMode }) {
  const result = rounded(decimal, maximumSignificantDigits - decimal.point, roundingMode);
  const least = minimumSignificantDigits - (result.digits === '' ? 1 : result.point);
  return { decimal: result, ...spelled(result, Math.max(0, least)), magnitude: decimal.point - maximumSignificantDigits };
}

/** A decimal in the digits that were asked for: `{integer, fraction, decimal}`. */
function roundDigits(decimal, digits) {
  let result;
  if (digits.roundingType === 'significantDigits') result = roundSignificant(decimal, digits);
  else if (digits.roundingType === 'fractionDigits') result = roundFraction(decimal, digits);
  else {
    const [significant, fraction] = [roundSignificant(decimal, digits), roundFraction(decimal, digits)];
    const significantFiner = significant.magnitude <= fraction.magnitude;
    result = (digits.roundingType === 'morePrecision') === significantFiner ? significant : fraction;
  }
  if (digits.trailingZeroDisplay === 'stripIfInteger' && /^0*$/.test(result.fraction)) result.fraction = '';
  return { ...result, integer: result.integer.padStart(digits.minimumIntegerDigits, '0') };
}

const roundingModes = ['ceil', 'floor', 'expand', 'trunc', 'halfCeil', 'halfFloor', 'halfExpand', 'halfTrunc', 'halfEven'];

/** The options on digits, as ECMA-402 has them. */
function digitOptions(options, least, most, notation) {
  const minimumIntegerDigits = wholeOption(options, 'minimumIntegerDigits', 1, 21, 1);
  let { minimumFractionDigits: low, maximumFractionDigits: high, minimumSignificantDigits: few, maximumSignificantDigits: many } = options;
  const roundingIncrement = wholeOption(options, 'roundingIncrement', 1, 5000, 1);
  if (![1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000].includes(roundingIncrement)) throw new RangeError('roundingIncrement value is out of range.');
  const roundingMode = chosen(options, 'roundingMode', roundingModes, 'halfExpand');
  const roundingPriority = chosen(options, 'roundingPriority', ['auto', 'morePrecision', 'lessPrecision'], 'auto');
  const trailingZeroDisplay = chosen(options, 'trailingZeroDisplay', ['auto', 'stripIfInteger'], 'auto');
  const hasSignificant = few !== undefined || many !== undefined;
  const hasFraction = low !== undefined || high !== undefined;
  const needsSignificant = roundingPriority !== 'auto' || hasSignificant;
  const needsFraction = roundingPriority !== 'auto' || (!hasSignificant && (hasFraction || notation !== 'compact'));
  const out = { minimumIntegerDigits };
  const type = roundingPriority === 'auto' ? (hasSignificant ? 'significantDigits' : 'fractionDigits') : roundingPriority;
  if (needsSignificant) {
    few = wholeOption(options, 'minimumSignificantDigits', 1, 21, 1);
    many = wholeOption(options, 'maximumSignificantDigits', few, 21, 21);
    Object.assign(out, { minimumSignificantDigits: few, maximumSignificantDigits: many });
  }
  if (needsFraction) {
    low = wholeOption(options, 'minimumFractionDigits', 0, 100, undefined);
    high = wholeOption(options, 'maximumFractionDigits', 0, 100, undefined);
    if (low === undefined && high === undefined) [low, high] = [least, roundingIncrement > 1 ? least : most];
    else if (low === undefined) low = Math.min(least, high);
    else if (high === undefined) high = Math.max(roundingIncrement > 1 ? least : most, low);
    else if (low > high) throw new RangeError('maximumFractionDigits value is out of range.');
    Object.assign(out, { minimumFractionDigits: low, maximumFractionDigits: high });
  }
  Object.assign(out, { roundingIncrement, roundingMode, roundingPriority, trailingZeroDisplay, roundingType: type });
  if (!needsSignificant && !needsFraction) {
    Object.assign(out, {
      minimumFractionDigits: 0, maximumFractionDigits: 0, minimumSignificantDigits: 1, maximumSignificantDigits: 2, roundingType: 'morePrecision',
      roundingPriority: 'morePrecision',
    });
  }
  return out;
}

/** Digits in groups. `sizes`: of the group next to the point, and of the others. */
function groupParts(integer, sizes, least, separator) {
  const [first, others] = sizes;
  if (first === 0 || integer.length < first + least) return [{ type: 'integer', value: integer }];
  const groups = [integer.slice(-first)];
  let rest = integer.slice(0, -first);
  while (rest.length > 0) {
    groups.unshift(rest.slice(-others));
    rest = rest.slice(0, -others);
  }
  return groups.flatMap((group, i) => (i === 0 ? [] : [{ type: 'group', value: separator }]).concat({ type: 'integer', value: group }));
}

/** `#,##,##0.###` → [3, 2]. */
function groupSizes(pattern) {
  const [, ...groups] = /[#0,]+/.exec(pattern)[0].split(',');
  const first = groups.at(-1)?.length ?? 0;
  return [first, groups.length > 1 ? groups.at(-2).length : first];
}

/** A text around a number as parts; `kind` is what words in it are. */
function affixParts(text, kind, symbols) {
  const parts = [];
  const add = (type, value) => {
    if (parts.at(-1)?.type === type && type === 'literal') parts.at(-1).value += value;
    else parts.push({ type, value });
  };
  for (const [piece] of text.matchAll(/'[^']*'|[-+%¤]|\s+|[^\s'+%¤-]+/gu)) {
    if (Object.hasOwn(symbols, piece)) add(symbols[piece][0], symbols[piece][1]);
    else if (piece[0] === "'") add(kind, piece === "''" ? "'" : piece.slice(1, -1));
    else add(/^\s/u.test(piece) ? 'literal' : kind, piece);
  }
  return parts;
}

const signDisplays = ['auto', 'never', 'always', 'exceptZero', 'negative'];

class NumberFormat {
  #locale;
  #data;
  #o;
  #format;

  constructor(locales, options) {
    const { locale, data } = resolveLocale(locales);
    const given = intlOptions(options);
    const style = chosen(given, 'style', ['decimal', 'percent', 'currency', 'unit'], 'decimal');
    const notation = chosen(given, 'notation', ['standard', 'scientific', 'engineering', 'compact'], 'standard');
    const o = { style, notation };
    const currency = chosen(given, 'currency');
    if (currency !== undefined && !/^[a-z]{3}$/i.test(currency)) throw new RangeError(`Invalid currency code : ${currency}`);
    if (style === 'currency') {
      if (currency === undefined) throw new TypeError('Currency code is required with currency style.');
      o.currency = currency.toUpperCase();
      o.currencyDisplay = chosen(given, 'currencyDisplay', ['code', 'symbol', 'narrowSymbol', 'name'], 'symbol');
      o.currencySign = chosen(given, 'currencySign', ['standard', 'accounting'], 'standard');
    }
    if (style === 'unit') {
      o.unit = chosen(given, 'unit');
      if (o.unit === undefined) throw new TypeError('Unit is required with unit style.');
      o.unitDisplay = chosen(given, 'unitDisplay', ['short', 'narrow', 'long'], 'short');
      const known = data.units.long;
      if (!o.unit.split('-per-').every((unit) => Object.hasOwn(known, unit) && unit !== 'per')) throw new RangeError(`Invalid unit argument for Intl.NumberFormat() '${o.unit}'`);
    }
    const digits = style === 'currency' && notation === 'standard' ? intlShared().fractions[o.currency] ?? 2 : undefined;
    o.digits = digitOptions(given, digits ?? 0, digits ?? (style === 'percent' ? 0 : 3), notation);
    if (notation === 'compact') o.compactDisplay = chosen(given, 'compactDisplay', ['short', 'long'], 'short');
    const grouping = given.useGrouping;
    const usual = notation === 'compact' ? 'min2' : 'auto';
    if (grouping === undefined || grouping === 'true' || grouping === 'false') o.useGrouping = usual;
    else if (grouping === true) o.useGrouping = 'always';
    else if (grouping === false || grouping === null || grouping === '' || grouping === 0) o.useGrouping = false;
    else o.useGrouping = chosen(given, 'useGrouping', ['min2', 'auto', 'always'], usual);
    o.signDisplay = chosen(given, 'signDisplay', signDisplays, 'auto');
    [this.#locale, this.#data, this.#o] = [locale, data, o];
  }

  get format() { return this.#format ??= (value) => this.formatToParts(value).map((part) => part.value).join(''); }

  /** What is shown of a number without its unit: digits, exponent, plural category. */
  #shown(value) {
    const { notation, style, digits, compactDisplay } = this.#o;
    let decimal = decimalOf(value);
    if (decimal.special) return { ...decimal, exponent: 0, category: 'other', zero: false };
    if (style === 'percent') decimal = shifted(decimal, 2);
    const exponentAt = (magnitude) => {
      if (notation === 'scientific') return magnitude;
      if (notation === 'engineering') return Math.floor(magnitude / 3) * 3;
      if (notation !== 'compact' || magnitude < 3) return 0;
      const zeros = /0+/.exec(pluralText(this.#compactForms()[Math.min(magnitude, 14) - 3], 'other'))[0].length;
      const first = Math.min(magnitude, 14);
      return pluralText(this.#compactForms()[first - 3], 'other') === '0' ? 0 : first - (zeros - 1);
    };
    const magnitude = decimal.digits === '' ? 0 : decimal.point - 1;
    let exponent = exponentAt(magnitude);
    let round = roundDigits(shifted(decimal, -exponent), digits);
    if (round.decimal.digits !== '' && round.decimal.point - 1 !== magnitude - exponent && exponentAt(magnitude + 1) !== exponent) {
      exponent = exponentAt(magnitude + 1);
      round = roundDigits(shifted(decimal, -exponent), digits);
    }
    const plain = exponent === 0 || notation !== 'compact' ? 0 : exponent;
    const category = pluralCategory(this.#data.plurals.cardinal, round.integer, round.fraction, plain);
    return { negative: decimal.negative, ...round, exponent, category, zero: round.decimal.digits === '', compactDisplay };
  }

  #compactForms() {
    const { numbers } = this.#data;
    const { style, compactDisplay, currencyDisplay } = this.#o;
    if (style === 'currency' && currencyDisplay !== 'name' && compactDisplay === 'short') return numbers.shortCurrency;
    return compactDisplay === 'long' ? numbers.long : numbers.short;
  }

  #numberParts(shown, pattern) {
    const { symbols, currencySymbols, minimumGrouping } = this.#data.numbers;
    const [decimalSign, group, minus, , , exponential, infinity, nan] = symbols;
    if (shown.special) return [{ type: shown.special, value: shown.special === 'nan' ? nan : infinity }];
    const money = this.#o.style === 'currency';
    const least = { auto: minimumGrouping, always: 1, min2: Math.max(2, minimumGrouping) }[this.#o.useGrouping];
    const sizes = least === undefined ? [0, 0] : groupSizes(pattern);
    const parts = groupParts(shown.integer, sizes, least, (money && currencySymbols[1]) || group);
    if (shown.fraction !== '') parts.push({ type: 'decimal', value: (money && currencySymbols[0]) || decimalSign }, { type: 'fraction', value: shown.fraction });
    if (['scientific', 'engineering'].includes(this.#o.notation)) {
      parts.push({ type: 'exponentSeparator', value: exponential });
      if (shown.exponent < 0) parts.push({ type: 'exponentMinusSign', value: minus });
      parts.push({ type: 'exponentInteger', value: String(Math.abs(shown.exponent)) });
    }
    return parts;
  }

  /** '-', '+' or '' before the number. */
  #sign({ negative, zero, special }) {
    const none = special === 'nan';
    switch (this.#o.signDisplay) {
      case 'never': return '';
      case 'always': return negative ? '-' : '+';
      case 'exceptZero': return zero || none ? '' : negative ? '-' : '+';
      case 'negative': return negative && !zero ? '-' : '';
      default: return negative ? '-' : '';
    }
  }

  formatToParts(value) {
    const shown = this.#shown(value);
    const { style, notation, currencySign, currencyDisplay } = this.#o;
    const { numbers } = this.#data;
    const [, , minus, plus, percent] = numbers.symbols;
    const [symbol, narrow, name] = numbers.currencies[this.#o.currency] ?? [this.#o.currency, this.#o.currency, this.#o.currency];
    const money = { symbol, narrowSymbol: narrow, code: this.#o.currency }[currencyDisplay];
    const symbolic = style === 'currency' && currencyDisplay !== 'name';
    const asPercent = style === 'percent' || (this.#o.unit === 'percent' && this.#o.unitDisplay !== 'long');
    const base = numbers.patterns[asPercent ? 'percent' : 'decimal'];
    let pattern = base;
    if (symbolic) {
      const kind = currencySign === 'accounting' ? 'accounting' : 'currency';
      const plain = numbers.patterns[kind];
      const next = plain.split(';')[0].indexOf('¤') < plain.search(/[#0]/) ? money.at(-1) : money[0];
      pattern = /\p{L}/u.test(next) ? numbers.patterns[`${kind}Alpha`] : plain;
    }
    // What is around the number, for both signs.
    const [positive, negative] = pattern.split(';');
    const sign = this.#sign(shown);
    const around = sign === '-' && negative ? negative : sign === '' ? positive : negative?.includes('-') ? negative.replace('-', sign) : sign + positive;
    let [, before, , behind] = /^((?:'[^']*'|[^#0'])*)([#0,.]+)(.*)$/u.exec(around);
    let words = ['', ''];
    if (notation === 'compact' && shown.exponent > 0) {
      const forms = this.#compactForms()[Math.min(shown.exponent + shown.integer.length - 1, 14) - 3];
      const compact = pluralText(forms, shown.category);
      const [, head, , tail] = /^(.*?)(0+)(.*)$/u.exec(compact);
      if (symbolic && compact.includes('¤')) {
        const signs = before.replace(/[¤\s]/gu, '');
        const alpha = (text) => (/\p{L}/u.test(money.at(-1)) ? text.replace(/¤$/, '¤\u00a0') : text);
        [before, behind] = [signs + alpha(head), tail];
        words = ['', /^([^¤]*)/u.exec(behind)[1]];
        behind = behind.slice(words[1].length);
        const space = /\s*$/u.exec(words[1])[0];
        words[1] = words[1].slice(0, words[1].length - space.length);
        behind = space + behind;
      } else {
        words = [head, tail];
      }
    }
    const symbols = { '-': ['minusSign', minus], '+': ['plusSign', plus], '%': ['percentSign', percent], '¤': ['currency', money] };
    const number = [...affixParts(words[0], 'compact', {}), ...this.#numberParts(shown, base), ...affixParts(words[1], 'compact', {})];
    const parts = [...affixParts(before, 'literal', symbols), ...number, ...affixParts(behind, 'literal', symbols)];
    if (style === 'unit' && !asPercent) return this.#withUnit(parts, shown.category);
    if (style === 'currency' && !symbolic) return fillPattern(pluralText(numbers.currencyName, shown.category), { 0: parts, 1: [{ type: 'currency', value: pluralText(name, shown.category) }] });
    return parts;
  }

  #withUnit(parts, category) {
    const units = this.#data.units[this.#o.unitDisplay];
    const { unit } = this.#o;
    const put = (pattern, inner) => pattern.split(/(\{0\})/).flatMap((piece) => (piece === '{0}' ? inner : affixParts(piece.replaceAll("'", ''), 'unit', {})));
    if (Object.hasOwn(units, unit)) return put(pluralText(units[unit], category), parts);
    const [first, second] = unit.split('-per-');
    const inner = put(pluralText(units[first], category), parts);
    const { per } = units[second];
    if (per) return put(per, inner);
    const alone = pluralText(units[second], 'one').replace('{0}', '').trim();
    return put(units.per.replace('{1}', alone), inner);
  }

  resolvedOptions() {
    const { digits, style, notation, compactDisplay, useGrouping, signDisplay, ...rest } = this.#o;
    const { roundingType, minimumIntegerDigits, roundingIncrement, roundingMode, roundingPriority, trailingZeroDisplay, ...counts } = digits;
    return {
      locale: this.#locale, numberingSystem: 'latn', style, ...rest, minimumIntegerDigits, ...counts, useGrouping, notation, ...given({ compactDisplay }),
      signDisplay, roundingIncrement, roundingMode, roundingPriority, trailingZeroDisplay,
    };
  }
}

/** `{0} … {1}` with parts in place of the numbers. */
function fillPattern(pattern, values) {
  return pattern.split(/\{(\d)\}/).flatMap((piece, i) => (i % 2 === 1 ? values[piece] : piece === '' ? [] : [{ type: 'literal', value: piece.replaceAll("'", '') }]));
}

class PluralRules {
  #locale;
  #data;
  #type;
  #digits;
  constructor(locales, options) {
    const { locale, data } = resolveLocale(locales);
    const given = intlOptions(options);
    this.#type = chosen(given, 'type', ['cardinal', 'ordinal'], 'cardinal');
    this.#digits = digitOptions(given, 0, 3, 'standard');
    [this.#locale, this.#data] = [locale, data];
  }
  select(value) {
    const decimal = decimalOf(Number(value));
    if (decimal.special) return 'other';
    const { integer, fraction } = roundDigits(decimal, this.#digits);
    return pluralCategory(this.#data.plurals[this.#type], integer, fraction);
  }
  resolvedOptions() {
    const { roundingType, ...digits } = this.#digits;
    const order = ['few', 'many', 'one', 'two', 'zero'];
    const rules = this.#data.plurals[this.#type];
    return { locale: this.#locale, type: this.#type, ...digits, pluralCategories: [...order.filter((category) => Object.hasOwn(rules, category)), 'other'] };
  }
}
