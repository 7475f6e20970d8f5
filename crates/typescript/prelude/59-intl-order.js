// Intl.Collator: texts in the order of dictionaries. Letters count first, then accents, then capitals; spaces and
// punctuation go before digits, and digits before letters. Languages that have letters of their own put them where
// their dictionaries do.

/** Letters that are letters of their own in a language: after which one they go. `=`: differs as an accent does. */
const ownLetters = {
  cs: 'c<č h<ch r<ř s<š z<ž', da: 'z<æ=ä<ø=ö<å=aa', es: 'n<ñ', fi: 'z<å<ä=æ<ö=ø', hr: 'c<č<ć d<dž<đ l<lj n<nj s<š z<ž',
  hu: 'c<cs d<dz<dzs g<gy l<ly n<ny o<ö=ő s<sz t<ty u<ü=ű z<zs', nb: 'z<æ=ä<ø=ö<å=aa', pl: 'a<ą c<ć e<ę l<ł n<ń o<ó s<ś z<ź<ż', ro: 'a<ă<â i<î s<ș t<ț',
  sk: 'a<ä c<č h<ch o<ô r<ř s<š z<ž', sv: 'z<å<ä=æ<ö=ø', tr: 'c<ç g<ğ h<ı o<ö s<ş u<ü', uk: 'г<ґ', vi: 'a<ă<â d<đ e<ê o<ô<ơ u<ư',
};
/** What is written with one sign and sorted as others. */
const spelledOut = { ß: 'ss', ẞ: 'SS', æ: 'ae', Æ: 'AE', œ: 'oe', Œ: 'OE', þ: 'th', Þ: 'TH' };
const struck = { ø: 'o', Ø: 'O', đ: 'd', Đ: 'D', ð: 'd', Ð: 'D', ł: 'l', Ł: 'L', ħ: 'h', Ħ: 'H', ı: 'i' };
const punctuationOrder = '_-,;:!?.\'"()[]{}@*/\\&#%`^+<=>|~';

/** A language's own letters: letter → weight. */
const orderOf = (language) => {
  const known = orderOf.known ??= new Map();
  if (!known.has(language)) {
    const letters = new Map();
    for (const chain of (ownLetters[language] ?? '').split(' ').filter(Boolean)) {
      const [base, ...others] = chain.split('<');
      others.forEach((same, i) => same.split('=').forEach((letter, accent) =>
        letters.set(letter.normalize('NFC'), { weight: letterWeight(base) + (i + 1) / 64, accent })));
    }
    known.set(language, letters);
  }
  return known.get(language);
};

const LETTERS = 0x400000;
const DIGITS = 0x300000;
const letterWeight = (letter) => LETTERS + letter.codePointAt(0);

function signWeight(sign) {
  const at = punctuationOrder.indexOf(sign);
  if (/^\s$/u.test(sign)) return 1;
  if (at >= 0) return 0x100 + at;
  return (/\p{P}/u.test(sign) ? 0x1000 : /\p{Sc}/u.test(sign) ? 0x2f0000 : 0x100000) + sign.codePointAt(0);
}

/** What is compared of a text: weights of letters, of accents, of capitals. */
function sortKey(text, letters, { numeric, ignorePunctuation }) {
  const key = [[], [], []];
  const add = (weight, accent, capital) => { [weight, accent, capital].forEach((value, level) => key[level].push(value)); };
  const signs = [...text.normalize('NFC')];
  for (let i = 0; i < signs.length; i++) {
    const sign = signs[i];
    if (letters.size > 0) {
      const own = [3, 2, 1].map((length) => signs.slice(i, i + length).join('')).find((part) => letters.has(part.toLowerCase()));
      if (own !== undefined) {
        const { weight, accent } = letters.get(own.toLowerCase());
        add(weight, accent, own === own.toLowerCase() ? 0 : 1);
        i += [...own].length - 1;
        continue;
      }
    }
    if (/\p{Nd}/u.test(sign)) {
      let digits = sign;
      while (numeric && i + 1 < signs.length && /\p{Nd}/u.test(signs[i + 1])) digits += signs[++i];
      const plain = digits.replace(/^0+(?=.)/, '');
      // As many digits more as the number is long: 9 < 10.
      if (numeric) key[0].push(DIGITS + plain.length);
      for (const digit of numeric ? plain : digits) add(DIGITS + 0x10000 + (digit.codePointAt(0) - 48), 0, 0);
      continue;
    }
    for (const part of (spelledOut[sign] ?? sign).normalize('NFD')) {
      if (/\p{M}/u.test(part)) {
        // `й` is a letter, and no `и` with something above it.
        if (part === '\u0306' && /[иИ]/u.test(sign.normalize('NFD')[0])) key[0][key[0].length - 1] += 1 / 2;
        else if (key[1].length > 0) key[1][key[1].length - 1] += part.codePointAt(0);
        continue;
      }
      const letter = struck[part] ?? part;
      if (/\p{L}/u.test(letter)) add(letterWeight(letter.toLowerCase()), letter === part && !(sign in spelledOut) ? 0 : 0x335, letter === letter.toLowerCase() ? 0 : 1);
      else if (!ignorePunctuation || !/[\p{P}\s]/u.test(letter)) add(signWeight(letter), 0, 0);
    }
  }
  return key;
}

function compareLists(a, b) {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return Math.sign(a.length - b.length);
}

/** Letters and digits without anything special, whose order needs no keys. */
const plainText = /^[A-Za-z0-9]*$/;

function comparePlain(a, b) {
  const [low, other] = [a.toLowerCase(), b.toLowerCase()];
  if (low !== other) return low < other ? -1 : 1;
  // The same but for capitals: the small letter goes first.
  return a === b ? 0 : a > b ? -1 : 1;
}

class Collator {
  #o;
  #letters;
  #plain;
  #compare;
  constructor(locales, options) {
    const { locale, extension } = resolveLocale(locales);
    const given = intlOptions(options);
    const numeric = given.numeric === undefined ? extension.kn === 'true' : Boolean(given.numeric);
    this.#o = {
      locale, usage: chosen(given, 'usage', ['sort', 'search'], 'sort'), sensitivity: chosen(given, 'sensitivity', ['base', 'accent', 'case', 'variant'], 'variant'),
      ignorePunctuation: Boolean(given.ignorePunctuation ?? false), collation: 'default', numeric,
      caseFirst: chosen(given, 'caseFirst', ['upper', 'lower', 'false'], ['upper', 'lower'].includes(extension.kf) ? extension.kf : 'false'),
    };
    this.#letters = orderOf(locale.split('-')[0]);
    this.#plain = this.#letters.size === 0 && this.#o.sensitivity === 'variant' && !numeric && this.#o.caseFirst !== 'upper';
  }
  get compare() {
    return this.#compare ??= (x, y) => {
      const [a, b] = [String(x), String(y)];
      if (a === b) return 0;
      if (this.#plain && plainText.test(a) && plainText.test(b)) return comparePlain(a, b);
      const [first, second] = [a, b].map((text) => sortKey(text, this.#letters, this.#o));
      const { sensitivity, caseFirst } = this.#o;
      const levels = { base: [0], accent: [0, 1], case: [0, 2], variant: [0, 1, 2] }[sensitivity];
      for (const level of levels) {
        const order = compareLists(first[level], second[level]);
        if (order !== 0) return level === 2 && caseFirst === 'upper' ? -order : order;
      }
      return 0;
    };
  }
  resolvedOptions() { return { ...this.#o }; }
}
