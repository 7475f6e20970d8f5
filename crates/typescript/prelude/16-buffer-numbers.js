// Buffer's readers and writers of numbers, made from one table.

function boundsCheck(buffer, offset, size) {
  if (typeof offset !== 'number') throw argumentTypeError('offset', 'of type number', offset);
  if (!Number.isInteger(offset)) throw rangeError('offset', 'an integer', offset);
  if (offset < 0 || offset + size > buffer.length) {
    if (buffer.length < size) throw codedError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds');
    throw rangeError('offset', `>= 0 and <= ${buffer.length - size}`, offset);
  }
}

const grouped = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '_');

function valueCheck(value, low, high) {
  if (value < low || value > high) {
    const big = typeof value === 'bigint';
    const suffix = big ? 'n' : '';
    const error = rangeError('value', `>= ${low}${suffix} and <= ${high}${suffix}`, value);
    error.message = error.message.replace(/Received .*$/, `Received ${Math.abs(Number(value)) > 2 ** 32 ? grouped(value) : value}${suffix}`);
    throw error;
  }
}

const viewOf = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);

function defineNumber(names, method, size, endians, range) {
  for (const [suffix, little] of endians) {
    const read = { [`read${names[0]}${suffix}`](offset = 0) {
      boundsCheck(this, offset, size);
      return viewOf(this)[`get${method}`](offset, little);
    } }[`read${names[0]}${suffix}`];
    const write = { [`write${names[0]}${suffix}`](value, offset = 0) {
      const given = method.startsWith('Big') ? value : Number(value);
      if (range) valueCheck(given, ...range);
      boundsCheck(this, offset, size);
      viewOf(this)[`set${method}`](offset, given, little);
      return offset + size;
    } }[`write${names[0]}${suffix}`];
    for (const name of names) defineHidden(Buffer.prototype, { [`read${name}${suffix}`]: read, [`write${name}${suffix}`]: write });
  }
}

const bothEndians = [['LE', true], ['BE', false]];
defineNumber(['UInt8', 'Uint8'], 'Uint8', 1, [['', true]], [0, 0xff]);
defineNumber(['Int8'], 'Int8', 1, [['', true]], [-0x80, 0x7f]);
defineNumber(['UInt16', 'Uint16'], 'Uint16', 2, bothEndians, [0, 0xffff]);
defineNumber(['Int16'], 'Int16', 2, bothEndians, [-0x8000, 0x7fff]);
defineNumber(['UInt32', 'Uint32'], 'Uint32', 4, bothEndians, [0, 0xffffffff]);
defineNumber(['Int32'], 'Int32', 4, bothEndians, [-0x80000000, 0x7fffffff]);
defineNumber(['Float'], 'Float32', 4, bothEndians);
defineNumber(['Double'], 'Float64', 8, bothEndians);
defineNumber(['BigUInt64', 'BigUint64'], 'BigUint64', 8, bothEndians, [0n, 2n ** 64n - 1n]);
defineNumber(['BigInt64'], 'BigInt64', 8, bothEndians, [-(2n ** 63n), 2n ** 63n - 1n]);

function checkWidth(size) {
  if (!Number.isInteger(size) || size < 1 || size > 6) throw rangeError('byteLength', '>= 1 and <= 6', size);
}

function readWide(buffer, offset, size, little, signed) {
  checkWidth(size);
  boundsCheck(buffer, offset, size);
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + buffer[little ? offset + size - 1 - i : offset + i];
  return signed && value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
}

function writeWide(buffer, value, offset, size, little, signed) {
  checkWidth(size);
  value = Number(value);
  const span = 2 ** (8 * size);
  valueCheck(value, signed ? -span / 2 : 0, signed ? span / 2 - 1 : span - 1);
  boundsCheck(buffer, offset, size);
  let rest = value < 0 ? value + span : value;
  for (let i = 0; i < size; i++) {
    buffer[little ? offset + i : offset + size - 1 - i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + size;
}

for (const [suffix, little] of bothEndians) {
  for (const [name, signed] of [['UInt', false], ['Uint', false], ['Int', true]]) {
    defineHidden(Buffer.prototype, {
      [`read${name}${suffix}`](offset, size) { return readWide(this, offset, size, little, signed); },
      [`write${name}${suffix}`](value, offset, size) { return writeWide(this, value, offset, size, little, signed); },
    });
  }
}

for (const name of ['latin1', 'utf8', 'hex', 'base64', 'ascii']) {
  defineHidden(Buffer.prototype, {
    [`${name}Slice`](start, end) { return this.toString(name, start, end); },
    [`${name}Write`](text, offset, length) { return this.write(text, offset, length, name); },
  });
}

/**
 * What programs call `Buffer`: with `new` or without, by old packages and by the engine's own `subarray` and `map`. It
 * shares its prototype with the class above, so both make and know the same objects.
 */
const CallableBuffer = function Buffer(value, second, third) {
  const made = typeof value === 'number' ? makeBuffer(new ArrayBuffer(value), 0, value) : bufferFrom(value, second, third);
  if (new.target !== undefined && new.target !== CallableBuffer) Object.setPrototypeOf(made, new.target.prototype);
  return made;
};
Object.setPrototypeOf(CallableBuffer, Uint8Array);
for (const key of Object.getOwnPropertyNames(Buffer)) {
  if (key !== 'length') Object.defineProperty(CallableBuffer, key, Object.getOwnPropertyDescriptor(Buffer, key));
}
Object.defineProperty(Buffer.prototype, 'constructor', { value: CallableBuffer, writable: true, configurable: true });
defineGlobal('Buffer', CallableBuffer);
