// Intl.DateTimeFormat: the Gregorian calendar, in any zone of the IANA's database.

/** What a zone has at a time: `{zone, offset (ms), dst}`; asked once for each stretch without a change. */
function zoneAt(zone, ms) {
  const fixed = /^([+-])(\d\d):?(\d\d)?$/.exec(zone);
  if (fixed) return { zone, offset: (fixed[1] === '-' ? -60_000 : 60_000) * (Number(fixed[2]) * 60 + Number(fixed[3] ?? 0)), dst: false };
  const known = intlData.zones.get(zone) ?? [];
  const found = known.find((stretch) => ms >= stretch.from && ms < stretch.until);
  if (found) return found;
  const { name, offset, dst, from, until } = pure('intl.zone', { zone, ms }).value;
  const stretch = { zone: name, offset, dst, from: from ?? -Infinity, until: until ?? Infinity };
  intlData.zones.set(zone, [...known.slice(-15), stretch]);
  return stretch;
}

/** `europe/berlin` → `Europe/Berlin`. */
function canonicalZone(zone) {
  const text = String(zone);
  const fixed = /^([+-])([01]\d|2[0-3]):?([0-5]\d)?$/.exec(text);
  if (fixed) return fixed[2] === '00' && (fixed[3] ?? '00') === '00' ? '+00:00' : `${fixed[1]}${fixed[2]}:${fixed[3] ?? '00'}`;
  if (/^(utc|gmt|etc\/(utc|gmt|uct|zulu|universal|greenwich|gmt[+-]?0)|uct|zulu|universal|greenwich)$/i.test(text)) return 'UTC';
  try {
    return zoneAt(text, 0).zone;
  } catch {
    throw new RangeError(`Invalid time zone specified: ${text}`);
  }
}

/** The zone of the run's environment if it names one that is known, else UTC. */
function defaultZone() {
  const named = readEnv('TZ');
  if (named) {
    try {
      return canonicalZone(named.replace(/^:/, ''));
    } catch {
      // Such as `EST5EDT4`: a rule, not a name.
    }
  }
  return 'UTC';
}

const metazoneOf = (zone) => {
  intlData.metazones ??= new Map(Object.entries(intlShared().metazones).flatMap(([name, zones]) => zones.map((one) => [one, name])));
  return intlData.metazones.get(zone);
};

/** `GMT+1`, `GMT-03:30`. */
function offsetName({ gmt, hour }, offset, long) {
  const minutes = Math.abs(Math.trunc(offset / 60_000));
  const [plus, minus] = hour.split(';');
  const pattern = offset < 0 ? minus : plus;
  const [h, m] = [Math.floor(minutes / 60), minutes % 60];
  const two = (n) => String(n).padStart(2, '0');
  const shown = long ? pattern.replace(/HH?/, two(h)).replace('mm', two(m)) : m === 0 ? pattern.replace(/HH?.mm/, String(h)) : pattern.replace(/HH?/, String(h)).replace('mm', two(m));
  return gmt.replace('{0}', shown);
}

function zoneName(data, zone, ms, letter, length) {
  const { zones } = data;
  const { offset, dst } = zoneAt(zone, ms);
  const long = length === 4;
  if (letter === 'O') return offsetName(zones, offset, long);
  if (zone === 'UTC') return zones.own.UTC?.[long ? 0 : 1]?.[0] ?? 'UTC';
  const pick = ([standard, daylight, generic] = []) => (letter === 'v' ? generic ?? (long ? standard : undefined) : dst ? daylight : standard);
  const name = pick(zones.own[zone]?.[long ? 0 : 1] ?? undefined) ?? pick(zones.names[metazoneOf(zone)]?.[long ? 0 : 1] ?? undefined);
  return name ?? offsetName(zones, offset, long);
}

const dateParts = ['weekday', 'era', 'year', 'month', 'day', 'dayPeriod', 'hour', 'minute', 'second', 'fractionalSecondDigits', 'timeZoneName'];
const widths = { narrow: 5, short: 3, long: 4 };
const partOptions = {
  weekday: ['narrow', 'short', 'long'], era: ['narrow', 'short', 'long'], year: ['2-digit', 'numeric'], month: ['2-digit', 'numeric', 'narrow', 'short', 'long'],
  day: ['2-digit', 'numeric'], dayPeriod: ['narrow', 'short', 'long'], hour: ['2-digit', 'numeric'], minute: ['2-digit', 'numeric'], second: ['2-digit', 'numeric'],
  timeZoneName: ['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric'],
};
const partTypes = { G: 'era', y: 'year', Y: 'year', u: 'year', M: 'month', L: 'month', d: 'day', E: 'weekday', c: 'weekday', e: 'weekday', a: 'dayPeriod', B: 'dayPeriod', h: 'hour', H: 'hour', K: 'hour', k: 'hour', m: 'minute', s: 'second', S: 'fractionalSecond', z: 'timeZoneName', O: 'timeZoneName', v: 'timeZoneName' };
const dateStyles = ['full', 'long', 'medium', 'short'];
const hourLetters = { h11: 'K', h12: 'h', h23: 'H', h24: 'k' };

/** Options as fields of a skeleton. */
function fieldsOfOptions(o, hourLetter) {
  const fields = {};
  const put = (field, letter, length) => { fields[field] = { letter, length }; };
  const digits = (value) => (value === '2-digit' ? 2 : 1);
  if (o.weekday) put('E', 'E', widths[o.weekday]);
  if (o.era) put('G', 'G', { narrow: 5, short: 1, long: 4 }[o.era]);
  if (o.year) put('y', 'y', digits(o.year));
  if (o.month) put('M', 'M', widths[o.month] ?? digits(o.month));
  if (o.day) put('d', 'd', digits(o.day));
  if (o.hour) put('h', hourLetter, digits(o.hour));
  if (o.minute) put('m', 'm', digits(o.minute));
  if (o.second) put('s', 's', digits(o.second));
  if (o.fractionalSecondDigits) put('S', 'S', o.fractionalSecondDigits);
  if (o.timeZoneName) {
    const [letter, length] = { short: ['z', 1], long: ['z', 4], shortOffset: ['O', 1], longOffset: ['O', 4], shortGeneric: ['v', 1], longGeneric: ['v', 4] }[o.timeZoneName];
    put('v', letter, length);
  }
  return fields;
}

class DateTimeFormat {
  #locale;
  #data;
  #o = {};
  #zone;
  #hourCycle;
  #pieces;
  #format;

  constructor(locales, options, required = 'any', defaults = 'date') {
    const { locale, data, extension } = resolveLocale(locales);
    const given = intlOptions(options);
    const o = this.#o;
    const hour12 = given.hour12 === undefined ? undefined : Boolean(given.hour12);
    let hourCycle = chosen(given, 'hourCycle', Object.keys(hourLetters));
    if (hour12 === undefined) hourCycle ??= Object.hasOwn(hourLetters, extension.hc) ? extension.hc : undefined;
    else hourCycle = hour12 ? (data.hourCycle === 'h11' || locale.startsWith('ja') ? 'h11' : 'h12') : 'h23';
    this.#zone = given.timeZone === undefined ? defaultZone() : canonicalZone(given.timeZone);
    for (const part of dateParts) {
      o[part] = part === 'fractionalSecondDigits' ? wholeOption(given, part, 1, 3) : chosen(given, part, partOptions[part]);
      if (o[part] === undefined) delete o[part];
    }
    chosen(given, 'formatMatcher', ['basic', 'best fit']);
    const dateStyle = chosen(given, 'dateStyle', dateStyles);
    const timeStyle = chosen(given, 'timeStyle', dateStyles);
    const styled = dateStyle !== undefined || timeStyle !== undefined;
    if (styled) {
      const part = Object.keys(o)[0];
      if (part) throw new TypeError(`Can't set option ${part} when ${dateStyle === undefined ? 'timeStyle' : 'dateStyle'} is used`);
      if (required === 'date' && timeStyle !== undefined) throw new TypeError('Invalid option : timeStyle');
      if (required === 'time' && dateStyle !== undefined) throw new TypeError('Invalid option : dateStyle');
      Object.assign(o, dateStyle && { dateStyle }, timeStyle && { timeStyle });
    } else {
      const has = (...parts) => parts.some((part) => o[part] !== undefined);
      const needs = !(required !== 'time' && has('weekday', 'year', 'month', 'day')) && !(required !== 'date' && has('dayPeriod', 'hour', 'minute', 'second', 'fractionalSecondDigits'));
      if (needs && defaults !== 'time') Object.assign(o, { year: 'numeric', month: 'numeric', day: 'numeric' });
      if (needs && defaults !== 'date') Object.assign(o, { hour: 'numeric', minute: 'numeric', second: 'numeric' });
    }
    [this.#locale, this.#data] = [locale, data];
    this.#hourCycle = hourCycle ?? data.hourCycle;
    this.#pieces = patternPieces(styled ? this.#styledPattern(dateStyle, timeStyle) : bestPattern(data, fieldsOfOptions(o, this.#skeletonHour())));
    if (this.#has('h')) this.#setHour();
  }

  #has(field) { return this.#pieces.some(({ letter }) => fieldOf[letter] === field); }
  #skeletonHour() { return ['h11', 'h12'].includes(this.#hourCycle) ? 'h' : 'H'; }

  /** Patterns know two hours: 1–12 and 0–23. The others are written in their places. */
  #setHour() {
    const letter = hourLetters[this.#hourCycle];
    for (const piece of this.#pieces) if (fieldOf[piece.letter] === 'h') piece.letter = letter;
  }

  #styledPattern(dateStyle, timeStyle) {
    const { date, time, glue, at } = this.#data.dates;
    const dated = dateStyle && date[dateStyles.indexOf(dateStyle)];
    let timed = timeStyle && time[dateStyles.indexOf(timeStyle)];
    if (timed && this.#skeletonHour() !== (/[hK]/.test(timed.replace(/'[^']*'/g, '')) ? 'h' : 'H')) {
      const fields = skeletonFields(timed);
      timed = bestPattern(this.#data, { ...fields, h: { letter: this.#skeletonHour(), length: 1 } });
    }
    if (!dated || !timed) return dated ?? timed;
    return gluePatterns((at ?? glue)[dateStyles.indexOf(dateStyle)], dated, timed);
  }

  get format() { return this.#format ??= (date) => this.formatToParts(date).map((part) => part.value).join(''); }

  formatToParts(date) {
    const ms = date === undefined ? Date.now() : Number(date);
    if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) throw new RangeError('Invalid time value');
    const local = new Date(ms + zoneAt(this.#zone, ms).offset);
    const parts = [];
    for (const { letter, length, text } of this.#pieces) {
      const type = letter ? partTypes[letter] ?? 'literal' : 'literal';
      const value = letter ? this.#field(letter, length, local, ms) : text;
      if (type === 'literal' && parts.at(-1)?.type === 'literal') parts.at(-1).value += value;
      else parts.push({ type, value });
    }
    return parts;
  }

  #field(letter, length, local, ms) {
    const { dates } = this.#data;
    const number = (n) => String(n).padStart(length, '0');
    const named = (names, use, i) => (names[use] ?? names.format)[length === 5 ? 'narrow' : length === 4 ? 'wide' : 'abbreviated'][i];
    const hour = local.getUTCHours();
    switch (letter) {
      case 'G': return dates.eras[length === 5 ? 2 : length === 4 ? 0 : 1][local.getUTCFullYear() > 0 ? 1 : 0];
      case 'y': case 'Y': case 'u': {
        const year = local.getUTCFullYear();
        const shown = letter !== 'u' && year <= 0 ? 1 - year : year;
        return length === 2 ? String(Math.abs(shown) % 100).padStart(2, '0') : number(shown);
      }
      case 'M': case 'L': return length < 3 ? number(local.getUTCMonth() + 1) : named(dates.months, letter === 'L' ? 'alone' : 'format', local.getUTCMonth());
      case 'd': return number(local.getUTCDate());
      case 'E': case 'c': case 'e': return named(dates.days, letter === 'c' ? 'alone' : 'format', local.getUTCDay());
      case 'a': case 'B': return dates.periods[length === 5 ? 'narrow' : length === 4 ? 'wide' : 'abbreviated'][hour < 12 ? 0 : 1].replaceAll('\u202f', ' ');
      case 'h': return number(hour % 12 === 0 ? 12 : hour % 12);
      case 'H': return number(hour);
      case 'K': return number(hour % 12);
      case 'k': return number(hour === 0 ? 24 : hour);
      case 'm': return number(local.getUTCMinutes());
      case 's': return number(local.getUTCSeconds());
      case 'S': return String(local.getUTCMilliseconds()).padStart(3, '0').slice(0, length);
      case 'z': case 'O': case 'v': return zoneName(this.#data, this.#zone, ms, letter, length);
      default: return '';
    }
  }

  resolvedOptions() {
    const { dateStyle, timeStyle, ...asked } = this.#o;
    const shown = {};
    if (!dateStyle && !timeStyle) {
      const names = { 1: 'numeric', 2: '2-digit', 3: 'short', 4: 'long', 5: 'narrow' };
      for (const part of dateParts) if (asked[part] !== undefined) shown[part] = asked[part];
      for (const { letter, length } of this.#pieces) {
        if (['year', 'month', 'day', 'hour', 'minute', 'second'].includes(partTypes[letter])) shown[partTypes[letter]] = names[length];
      }
    }
    const hours = this.#has('h') ? { hourCycle: this.#hourCycle, hour12: ['h11', 'h12'].includes(this.#hourCycle) } : {};
    return { locale: this.#locale, calendar: 'gregory', numberingSystem: 'latn', timeZone: this.#zone, ...hours, ...shown, ...(dateStyle && { dateStyle }), ...(timeStyle && { timeStyle }) };
  }
}
