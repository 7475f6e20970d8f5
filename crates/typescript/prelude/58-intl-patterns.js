// Which pattern shows the parts of a date that are asked for: the CLDR's available formats, the nearest of which is
// taken and widened, and put together with others for what it lacks.

/** Fields of patterns, the more important first; each letter is of one field. */
const dateFields = ['G', 'y', 'M', 'E', 'd', 'h', 'm', 's', 'S', 'v'];
const fieldOf = { G: 'G', y: 'y', Y: 'y', u: 'y', M: 'M', L: 'M', E: 'E', c: 'E', e: 'E', d: 'd', h: 'h', H: 'h', K: 'h', k: 'h', m: 'm', s: 's', S: 'S', v: 'v', z: 'v', O: 'v', V: 'v', Z: 'v' };
const appendedNames = { G: 'Era', y: 'Year', M: 'Month', E: 'Day-Of-Week', d: 'Day', h: 'Hour', m: 'Minute', s: 'Second', S: 'Second', v: 'Timezone' };

/** A pattern in pieces: `{letter, length}` or `{text}`. Narrow spaces are plain ones, as programs expect of V8. */
function patternPieces(pattern) {
  return [...pattern.matchAll(/''|'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+/g)].map(([piece, quoted, letter]) =>
    (letter ? { letter, length: piece.length } : { text: piece === "''" ? "'" : (quoted ?? piece).replaceAll("''", "'").replaceAll('\u202f', ' ') }));
}

/** Field → its letter and length in a skeleton or pattern. */
function skeletonFields(pattern) {
  const fields = {};
  for (const { letter, length } of patternPieces(pattern)) {
    const field = fieldOf[letter];
    if (field) fields[field] = { letter, length };
  }
  return fields;
}

const isNumericField = ({ letter, length }) => ('ydhHKkmsSu'.includes(letter) || ('ML'.includes(letter) && length < 3));

/** How far apart two ways to show a field are. */
function fieldDistance(a, b) {
  const rank = (field) => {
    const { letter, length } = field;
    if (isNumericField(field)) return 0x100 + length;
    if (fieldOf[letter] === 'v') return -0x100 - 'zOvVZ'.indexOf(letter) * 0x10 - length;
    return -0x100 - { 1: 3, 2: 3, 3: 3, 4: 4, 5: 1, 6: 2 }[length] - ('cL'.includes(letter) ? 0x10 : 0);
  };
  return Math.abs(rank(a) - rank(b));
}

/** Patterns of a locale with the fields that they have. */
function availablePatterns(data) {
  if (!data.dates.patterns) {
    const list = Object.entries(data.dates.available).map(([skeleton, pattern]) => ({ fields: skeletonFields(skeleton), pattern }));
    for (const pattern of [...data.dates.date, ...data.dates.time]) list.push({ fields: skeletonFields(pattern), pattern });
    for (const letter of ['G', 'y', 'M', 'E', 'd', 'H', 'h', 'm', 's', 'S', 'v']) {
      if (!list.some(({ fields }) => Object.keys(fields).length === 1 && fields[fieldOf[letter]]?.letter === letter)) list.push({ fields: { [fieldOf[letter]]: { letter, length: 1 } }, pattern: letter });
    }
    Object.defineProperty(data.dates, 'patterns', { value: list });
  }
  return data.dates.patterns;
}

/** The nearest pattern, and the fields that it lacks. */
function nearestPattern(data, wanted) {
  let best;
  for (const { fields, pattern } of availablePatterns(data)) {
    // Hours to 12 and hours to 24 are different things: an AM cannot be made of the one, nor left from the other.
    if (wanted.h && fields.h && /[hK]/.test(wanted.h.letter) !== /[hK]/.test(fields.h.letter)) continue;
    let distance = 0;
    for (const field of dateFields) {
      const [want, have] = [wanted[field], fields[field]];
      if (want && have) distance += fieldDistance(want, have);
      else if (want) distance += 0x1000;
      else if (have) distance += 0x10000;
    }
    if (!best || distance < best.distance) best = { distance, fields, pattern };
    if (distance === 0) break;
  }
  return { ...best, missing: Object.keys(wanted).filter((field) => !best.fields[field]) };
}

/** The pattern with its fields as wide as was asked for. */
function widened(pattern, fields, wanted, decimalSign) {
  return patternPieces(pattern).map(({ letter, length, text }) => {
    if (text !== undefined) return /[A-Za-z']/.test(text) ? `'${text.replaceAll("'", "''")}'` : text;
    const want = wanted[fieldOf[letter]];
    const matched = fields[fieldOf[letter]];
    if (!want) return letter.repeat(length);
    const keeps = 'ms'.includes(letter) || (matched && (matched.length === want.length || isNumericField({ letter, length }) !== isNumericField(matched)
      || isNumericField(matched) !== isNumericField(want)));
    const shown = 'hHKkMLEceyu'.includes(letter) ? letter : want.letter;
    const whole = shown.repeat(keeps && fieldOf[letter] !== 'v' ? length : want.length);
    return letter === 's' && wanted.S ? `${whole}${decimalSign}${'S'.repeat(wanted.S.length)}` : whole;
  }).join('');
}

/** The pattern for fields of the date alone or of the time alone. */
function bestOf(data, wanted) {
  const decimalSign = data.numbers.symbols[0];
  const withoutFraction = { ...wanted };
  if (wanted.S && wanted.s) delete withoutFraction.S;
  const { pattern, fields, missing } = nearestPattern(data, withoutFraction);
  let whole = widened(pattern, fields, wanted, decimalSign);
  let left = missing;
  while (left.length > 0) {
    const rest = Object.fromEntries(left.map((field) => [field, wanted[field]]));
    const next = nearestPattern(data, rest);
    const more = widened(next.pattern, next.fields, wanted, decimalSign);
    const found = left.filter((field) => !next.missing.includes(field));
    if (found.length === 0) break;
    const top = dateFields.find((field) => found.includes(field));
    whole = appendedNames[top] === 'Timezone' || top === 'G' || top === 'E' ? `${whole} ${more}` : `${whole} (${more})`;
    left = next.missing;
  }
  return whole;
}

/** The pattern that shows `wanted` (field → letter and length). */
function bestPattern(data, wanted) {
  const whole = nearestPattern(data, wanted);
  if (whole.missing.length === 0 && whole.distance < 0x1000) return widened(whole.pattern, whole.fields, wanted, data.numbers.symbols[0]);
  const only = (fields) => Object.fromEntries(Object.entries(wanted).filter(([field]) => fields.includes(field)));
  const [date, time] = [only('GyMEd'), only('hmsSv')];
  const [hasDate, hasTime] = [date, time].map((part) => Object.keys(part).length > 0);
  if (!hasTime) return bestOf(data, date);
  if (!hasDate) return bestOf(data, time);
  const month = wanted.M?.length ?? 0;
  const style = month === 4 ? (wanted.E ? 0 : 1) : month === 3 ? 2 : 3;
  return gluePatterns(data.dates.at[style], bestOf(data, date), bestOf(data, time));
}

const gluePatterns = (glue, date, time) => glue.replace(/\{([01])\}/g, (_, n) => (n === '1' ? date : time));
