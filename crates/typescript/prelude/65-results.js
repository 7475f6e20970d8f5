// What photons return to be shown: tables, charts, figures, cards, progress, forms, collections. They are built by
// chained calls, and are JSON with a `_photonType` that says what it is; as text they are Markdown.

let shownOptions;

/** Everything of `_photonType`. */
class PhotonUIType {
  #options;
  constructor(options = {}) { this.#options = options; }
  static { shownOptions = (shown) => shown.#options; }
  get _photonType() { return this.constructor.photonType; }
  toJSON() { return { _photonType: this._photonType, ...this.parts(), options: this.#options }; }
  parts() { return {}; }
  toString() {
    const { title, subtitle, description } = this.#options;
    const head = [title === undefined ? undefined : `## ${title}`, subtitle, description].filter((line) => line !== undefined);
    return [...head, ...(head.length > 0 ? [''] : []), ...this.lines()].join('\n').trim();
  }
  lines() { return []; }
}

const isPhotonUIType = (value) => isObject(value) && typeof value._photonType === 'string';

/** Methods that set an option and give the object: method → [option, value if none is given]. */
function chained(Class, methods) {
  for (const [name, [option, otherwise]] of Object.entries(methods)) {
    defineHidden(Class.prototype, {
      [name](value = otherwise) {
        shownOptions(this)[option] = value;
        return this;
      },
    });
  }
}

/** Options of one member of a list, without those that were not given. */
const given = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

/** `unitPrice`, `unit_price` → `Unit Price`, `Unit price`. */
function fieldLabel(key) {
  const spaced = key.replace(/([A-Z])/g, ' $1').replace(/[_-]/g, ' ').trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

const markdownRow = (cells) => `| ${cells.join(' | ')} |`;
const markdownTable = (head, rows) => [markdownRow(head), markdownRow(head.map(() => '---')), ...rows.map(markdownRow)];

/** What kind of column a value asks for. */
function columnType(value) {
  if (typeof value === 'number' || typeof value === 'boolean') return typeof value;
  if (value instanceof Date || /^\d{4}-\d\d-\d\d/.test(value)) return 'date';
  if (/^https?:\/\//.test(value)) return 'link';
  return typeof value === 'string' && /\.(?:jpe?g|png|gif|webp|svg)$/i.test(value) ? 'image' : 'string';
}

/** A member by its path: `customer.name`. */
const memberAt = (record, path) => String(path).split('.').reduce((value, key) => value?.[key], record);

/** Kinds of fields, and the options that each has from the start. */
const fieldKinds = {
  text: {}, email: { linked: true }, url: {}, phone: { linked: true }, number: {}, currency: { currency: 'USD', showSymbol: true }, percent: { decimals: 1 },
  date: { format: 'medium' }, datetime: { format: 'medium', showTime: true }, time: {}, dateRange: { separator: ' → ' },
  boolean: { trueIcon: '✓', falseIcon: '✗' }, image: {}, avatar: { size: 40 }, gallery: { maxVisible: 4, thumbnailSize: 60 }, file: { showIcon: true },
  badge: { variant: 'subtle' }, tags: { max: 3 }, rating: { max: 5, icon: '★', color: '#f59e0b' }, price: { currency: 'USD' },
  stock: { inStockLabel: 'In Stock', outOfStockLabel: 'Out of Stock', lowStockThreshold: 5, lowStockLabel: 'Low Stock' },
  quantity: { min: 1, max: 99, step: 1 }, user: {}, reference: {},
};

/** Descriptions of a record's fields: `Field.currency('price', { currency: 'EUR' })`. */
const Field = {
  ...Object.fromEntries(Object.entries(fieldKinds).map(([type, usual]) => [type, (source, options) => ({ type, source, options: { ...usual, ...options } })])),
  actions: (actions, options = {}) => ({ type: 'actions', source: '', options, actions }),
  custom: (source, render, options = {}) => ({ type: 'custom', source, options, render }),
};

/** A field of a record as text. */
function fieldText({ type, source, options, actions, render }, record) {
  const value = memberAt(record, source);
  if (type === 'actions') return (actions ?? []).map((action) => `[${action.label}]`).join(' ');
  if (type === 'custom') return String(render(value, record));
  if (value === undefined || value === null) return options.emptyText ?? '';
  switch (type) {
    case 'text': {
      const text = String(value);
      return options.truncate && text.length > options.truncate ? `${text.slice(0, options.truncate)}…` : text;
    }
    case 'number': {
      const digits = options.decimals;
      const text = Number(value).toLocaleString(options.locale, {
        ...(options.compact ? { notation: 'compact' } : {}),
        ...(digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits }),
      });
      return `${options.prefix ?? ''}${text}${options.suffix ?? ''}`;
    }
    case 'currency': case 'price': {
      const digits = options.decimals ?? 2;
      return Number(value).toLocaleString(options.locale, {
        style: 'currency', currency: options.currency ?? 'USD', minimumFractionDigits: digits, maximumFractionDigits: digits,
      });
    }
    case 'percent': return `${(Number(value) * (options.multiply ? 100 : 1)).toFixed(options.decimals ?? 1)}%`;
    case 'date': case 'datetime': {
      const date = new Date(value);
      if (Number.isNaN(date.getTime())) return String(value);
      if (options.format === 'iso') return date.toISOString().slice(0, 10);
      const dateStyle = ['short', 'long'].includes(options.format) ? options.format : 'medium';
      return date.toLocaleString(options.locale, { dateStyle, ...(options.showTime ? { timeStyle: 'short' } : {}) });
    }
    case 'boolean': return value ? options.trueLabel ?? 'Yes' : options.falseLabel ?? 'No';
    case 'tags': return [].concat(value).slice(0, options.max ?? 3).join(', ');
    case 'rating': return `${(options.icon ?? '★').repeat(Math.min(100, Math.max(0, Math.round(Number(value)) || 0)))} (${value})`;
    case 'stock': {
      const left = Number(value);
      return left <= 0 ? options.outOfStockLabel : left <= options.lowStockThreshold ? `${options.lowStockLabel} (${left})` : options.inStockLabel;
    }
    case 'image': case 'avatar': return '[Image]';
    case 'reference': return String(options.displaySource ? memberAt(record, options.displaySource) : value);
    default: return String(value);
  }
}

class Table extends PhotonUIType {
  static photonType = 'table';
  #columns = [];
  #fields = [];
  #rows = [];
  constructor(rows) {
    super();
    if (rows?.length) this.rows(rows);
  }
  #infer() {
    if (this.#columns.length > 0 || this.#rows.length === 0) return;
    for (const [key, value] of Object.entries(this.#rows[0])) this.column(key, fieldLabel(key), columnType(value));
  }
  column(key, label, type = 'string', options = {}) {
    this.#columns.push({ key, label, type, sortable: shownOptions(this).sortable ?? true, ...options });
    return this;
  }
  columns(columns) {
    for (const column of columns) {
      if (Array.isArray(column)) this.column(...column);
      else this.#columns.push(column);
    }
    return this;
  }
  field(field) {
    this.#fields.push(field);
    return this;
  }
  fields(fields) {
    this.#fields = fields;
    return this;
  }
  rows(rows) {
    this.#rows = [...rows];
    this.#infer();
    return this;
  }
  row(row) {
    this.#rows.push(row);
    this.#infer();
    return this;
  }
  paginated(pageSize = 10) {
    Object.assign(shownOptions(this), { paginated: true, pageSize });
    return this;
  }
  get length() { return this.#rows.length; }
  get isEmpty() { return this.#rows.length === 0; }
  parts() { return { columns: this.#columns, fields: this.#fields, rows: this.#rows }; }
  lines() {
    if (this.isEmpty) return ['(No data)'];
    const fields = this.#fields;
    if (fields.length > 0) {
      return markdownTable(fields.map((field) => field.options.label ?? fieldLabel(field.source)), this.#rows.map((row) => fields.map((field) => fieldText(field, row))));
    }
    return markdownTable(this.#columns.map((column) => column.label), this.#rows.map((row) => this.#columns.map(({ key }) => String(row[key] ?? ''))));
  }
}
chained(Table, { title: ['title'], searchable: ['searchable', true], sortable: ['sortable', true], selectable: ['selectable', true], striped: ['striped', true], compact: ['compact', true] });
for (const [kind, make] of Object.entries(Field)) {
  if (!['file', 'gallery', 'time', 'dateRange', 'quantity'].includes(kind)) {
    defineHidden(Table.prototype, { [kind](...args) { return this.field(make(...args)); } });
  }
}

class Chart extends PhotonUIType {
  static photonType = 'chart';
  #type;
  #labels = [];
  #series = [];
  #data = [];
  constructor(type = 'line') {
    super({ legend: true, showGrid: true, animate: true });
    this.#type = type;
  }
  labels(labels) {
    this.#labels = labels;
    return this;
  }
  series(name, data, color) {
    this.#series.push({ name, data, ...given({ color }) });
    return this;
  }
  data(points) {
    this.#data = points;
    return this;
  }
  parts() { return { chartType: this.#type, labels: this.#labels, series: this.#series, data: this.#data }; }
  lines() {
    if (this.#data.length > 0) {
      const total = this.#data.reduce((sum, point) => sum + point.value, 0);
      const share = (value) => (['pie', 'doughnut'].includes(this.#type) && total > 0 ? ` (${((value / total) * 100).toFixed(1)}%)` : '');
      return this.#data.map(({ label, value }) => `- ${label}: ${value}${share(value)}`);
    }
    return this.#series.length === 0 ? [] : markdownTable(['', ...this.#series.map(({ name }) => name)],
      this.#labels.map((label, i) => [label, ...this.#series.map(({ data }) => String(data[i] ?? ''))]));
  }
}
chained(Chart, {
  title: ['title'], subtitle: ['subtitle'], legend: ['legend', true], stacked: ['stacked', true], grid: ['showGrid', true], showValues: ['showValues', true],
  animate: ['animate', true], height: ['height'], colors: ['colors'], xAxis: ['xAxisLabel'], yAxis: ['yAxisLabel'],
});

// `fs` has a Stats as well.
const PhotonStats = class Stats extends PhotonUIType {
  static photonType = 'stats';
  #stats = [];
  constructor() { super({ columns: 4, bordered: true, animated: true }); }
  stat(label, value, options = {}) {
    this.#stats.push({ label, value, ...given(options) });
    return this;
  }
  currency(label, value, { prefix = '$', ...rest } = {}) { return this.stat(label, value, { format: 'currency', prefix, ...rest }); }
  percent(label, value, options) { return this.stat(label, value, { format: 'percent', suffix: '%', ...options }); }
  count(label, value, options) { return this.stat(label, value, { format: 'compact', ...options }); }
  get length() { return this.#stats.length; }
  parts() { return { stats: this.#stats }; }
  lines() {
    return this.#stats.map(({ label, value, format, prefix = '', suffix = '', trend, trendUp }) => {
      const short = format === 'compact' && typeof value === 'number' ? value.toLocaleString('en-US', { notation: 'compact' }) : value;
      const unit = suffix === '' || suffix === '%' ? suffix : ` ${suffix}`;
      const arrow = trendUp === true ? '↑' : trendUp === false ? '↓' : '';
      return `**${label}**: ${prefix}${short}${unit}${trend === undefined ? '' : ` (${arrow}${trend})`}`;
    });
  }
};
chained(PhotonStats, { title: ['title'], columns: ['columns'], compact: ['compact', true], bordered: ['bordered', true], animated: ['animated', true] });

/** Names of members that usually hold what a card shows. */
const cardFields = {
  image: ['image', 'img', 'photo', 'picture', 'avatar', 'thumbnail'], heading: ['name', 'title', 'heading'], subtitle: ['subtitle', 'category', 'type'],
  description: ['description', 'summary', 'text', 'body', 'content'], badge: ['status', 'badge', 'tag', 'label'], link: ['url', 'link', 'href'],
};

class Cards extends PhotonUIType {
  static photonType = 'cards';
  #items = [];
  #fields = {};
  constructor(items) {
    super({ columns: 3, hoverable: true, bordered: true, aspectRatio: 'auto' });
    if (items) this.items(items);
  }
  static {
    for (const name of ['image', 'heading', 'subtitle', 'description', 'badge', 'footer']) {
      defineHidden(Cards.prototype, { [name](field) { return this.#field(name, field); } });
    }
  }
  #field(name, field) {
    this.#fields[name] = field;
    return this;
  }
  link(field) {
    shownOptions(this).clickable = true;
    return this.#field('link', field);
  }
  meta(...fields) { return this.#field('meta', fields); }
  items(items) {
    this.#items = [...items];
    if (Object.keys(this.#fields).length === 0 && isObject(items[0])) {
      for (const [name, usual] of Object.entries(cardFields)) {
        const found = Object.keys(items[0]).find((key) => usual.some((part) => key.toLowerCase().includes(part)));
        if (found !== undefined) this.#fields[name] = found;
      }
    }
    return this;
  }
  item(item) {
    this.#items.push(item);
    return this;
  }
  get length() { return this.#items.length; }
  parts() { return { items: this.#items, fields: this.#fields }; }
  lines() {
    if (this.#items.length === 0) return ['(No items)'];
    const shapes = { heading: (text) => `### ${text}`, subtitle: (text) => `*${text}*`, badge: (text) => `[${text}]`, description: (text) => `\n${text}`, link: (text) => `\nLink: ${text}` };
    return this.#items.map((item) => {
      const shown = Object.entries(shapes).map(([name, shape]) => [memberAt(item, this.#fields[name] ?? ''), shape]);
      return `${shown.filter(([text]) => text !== undefined && text !== null && text !== '').map(([text, shape]) => shape(text)).join('\n')}\n`;
    });
  }
}
chained(Cards, { title: ['title'], columns: ['columns'], compact: ['compact', true], clickable: ['clickable', true], hoverable: ['hoverable', true], bordered: ['bordered', true], aspectRatio: ['aspectRatio'] });

class Progress extends PhotonUIType {
  static photonType = 'progress';
  #bars = [];
  #steps = [];
  #value = 0;
  #max = 100;
  constructor(start) {
    super({ style: typeof start === 'string' ? start : 'bar', size: 'md', showValue: true, animated: true });
    if (typeof start === 'number') this.#value = start;
  }
  value(value, max = this.#max) {
    this.#value = value;
    this.#max = max;
    return this;
  }
  bar(label, value, { max = 100, color, showValue = true } = {}) {
    this.#bars.push({ label, value, max, ...given({ color }), showValue });
    return this;
  }
  step(label, status = 'pending', options = {}) {
    shownOptions(this).style = 'steps';
    this.#steps.push({ label, status, ...options });
    return this;
  }
  circle() {
    shownOptions(this).style = 'circle';
    return this;
  }
  parts() { return { value: this.#value, max: this.#max, bars: this.#bars, steps: this.#steps }; }
  lines() {
    const bar = (value, max) => {
      const share = Math.min(1, Math.max(0, value / max || 0));
      const full = Math.round(share * 20);
      return `[${'█'.repeat(full)}${'░'.repeat(20 - full)}] ${Math.round(share * 100)}%`;
    };
    const marks = { completed: '✓', current: '●', error: '✗' };
    if (this.#steps.length > 0) return [this.#steps.map(({ label, status }) => `[${marks[status] ?? ' '}] ${label}`).join(' → ')];
    return this.#bars.length > 0 ? this.#bars.map(({ label, value, max }) => `${label}: ${bar(value, max)}`) : [bar(this.#value, this.#max)];
  }
}
chained(Progress, { label: ['title'], color: ['color'], size: ['size'], striped: ['striped', true], animated: ['animated', true], showValue: ['showValue', true] });

class Form extends PhotonUIType {
  static photonType = 'form';
  #fields = [];
  constructor() { super({ layout: 'vertical', columns: 1, submitLabel: 'Submit' }); }
  field(name, type, label = fieldLabel(name), options = {}) {
    this.#fields.push({ name, type, label, ...options });
    return this;
  }
  hidden(name, value) { return this.field(name, 'hidden', undefined, { defaultValue: value }); }
  submit(label, method) {
    Object.assign(shownOptions(this), { submitLabel: label, ...given({ submitMethod: method }) });
    return this;
  }
  group() { return this; }
  parts() { return { fields: this.#fields }; }
  lines() {
    const names = (options) => `[${options.map((option) => (isObject(option) ? option.label : option)).join(', ')}]`;
    return this.#fields.filter(({ type }) => type !== 'hidden').map(({ label, type, required, options, helpText }) =>
      `- ${label}${required ? ' (required)' : ''}: ${options?.length ? names(options) : `(${type})`}${helpText ? ` - ${helpText}` : ''}`);
  }
}
for (const type of ['text', 'email', 'password', 'number', 'textarea', 'toggle', 'checkbox', 'date', 'time', 'datetime', 'file', 'color', 'range']) {
  const usual = { textarea: { rows: 4 }, range: { min: 0, max: 100, step: 1 } }[type];
  defineHidden(Form.prototype, { [type](name, label, options) { return this.field(name, type, label, { ...usual, ...options }); } });
}
for (const type of ['select', 'multiselect', 'radio']) {
  defineHidden(Form.prototype, { [type](name, label, choices, options) { return this.field(name, type, label, { options: choices, ...options }); } });
}
chained(Form, { title: ['title'], description: ['description'], cancel: ['cancelLabel', 'Cancel'], layout: ['layout'], columns: ['columns'], showReset: ['showReset', true], confirmSubmit: ['confirmSubmit'] });
for (const [name, Class] of Object.entries({ Table, Chart, Stats: PhotonStats, Cards, Progress, Form, Field })) defineGlobal(name, Class);
