// Stacks are kept as the engine's call sites and become text when somebody reads them: most errors are caught and
// never looked at, and finding the author's lines takes a call for each frame.

class RawStack {
  constructor(sites) {
    this.sites = sites;
    this.found = null;
    this.text = undefined;
  }

  lines() {
    if (this.sites) {
      this.found = stackLines(this.sites);
      this.sites = null;
    }
    return this.found;
  }

  /** The header is the error's when it is first read, so that a name set by a constructor is in it. */
  format(error) {
    this.text ??= errorHeader(error) + this.lines().map((line) => `\n    at ${line}`).join('');
    return this.text;
  }
}

/** The file that holds the prelude: its frames tell an author nothing. While the image is built they are shown. */
let preludeFile = null;
let hiddenFile = null;

function errorHeader(error) {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return 'Error';
  }
}

function stackLines(sites) {
  const lines = [];
  for (const site of sites) {
    // Without memory the engine makes no more of them.
    if (site === undefined) continue;
    const file = site.getFileName();
    if (file === hiddenFile && file !== null) continue;
    const name = site.getFunctionName() || '';
    if (site.isNative()) {
      // Natives that the prelude called are as uninteresting as the prelude itself.
      if (name) lines.push(`${name} (<anonymous>)`);
      continue;
    }
    const place = file === null ? '<anonymous>' : authorPlace(file, site.getLineNumber(), site.getColumnNumber());
    lines.push(name && name !== '<eval>' ? `${site.isConstructor() ? 'new ' : ''}${name} (${place})` : place);
  }
  while (lines.length && lines[lines.length - 1].endsWith(' (<anonymous>)')) lines.pop();
  return lines;
}

function authorPlace(file, line, column) {
  const at = mapPosition(file, line, column);
  return at.line === null || at.line === undefined ? at.file : `${at.file}:${at.line}:${at.column}`;
}

/** A position in the code that runs → the position in the author's file. */
function mapPosition(file, line, column) {
  if (line !== null && line !== undefined) {
    const [ok, json] = native.pure('stack.map', JSON.stringify({ file, line, column }));
    if (ok) {
      const mapped = JSON.parse(json);
      if (mapped && mapped.file) return mapped;
    }
  }
  return { file, line, column };
}

/** An assigned stack is not listed: libraries assign it and then print the error's own properties. */
function replaceStack(error, value) {
  Object.defineProperty(error, 'stack', { value, writable: true, enumerable: false, configurable: true });
}

const keepSites = (error, sites) => new RawStack(sites);
Error.prepareStackTrace = (error, sites) => {
  preludeFile = sites[0]?.getFileName?.() ?? null;
  return '';
};
void new Error('where am I?').stack;
Error.prepareStackTrace = keepSites;

const engineStack = Object.getOwnPropertyDescriptor(Error.prototype, 'stack');
if (engineStack?.get) {
  Object.defineProperty(Error.prototype, 'stack', {
    get() {
      const raw = engineStack.get.call(this);
      return raw instanceof RawStack ? raw.format(this) : raw;
    },
    set(value) { replaceStack(this, value); },
    enumerable: false,
    configurable: true,
  });
}

const engineCapture = Error.captureStackTrace;
defineHidden(Error, {
  captureStackTrace(target, above) {
    engineCapture(target, above);
    const held = Object.getOwnPropertyDescriptor(target, 'stack');
    if (!(held?.value instanceof RawStack)) return;
    const raw = held.value;
    Object.defineProperty(target, 'stack', {
      get() { return raw.format(this); },
      set(value) { replaceStack(this, value); },
      enumerable: false,
      configurable: true,
    });
  },
});

// Packages that read call sites expect the rest of V8's methods.
{
  let sites;
  Error.prepareStackTrace = (error, found) => { sites = found; return ''; };
  void new Error('call sites').stack;
  Error.prepareStackTrace = keepSites;
  const proto = sites?.[0] && Object.getPrototypeOf(sites[0]);
  if (proto && !proto.getTypeName) {
    defineHidden(proto, {
      getTypeName() { return null; },
      getMethodName() { return null; },
      getThis() { return undefined; },
      getEvalOrigin() { return undefined; },
      getScriptNameOrSourceURL() { return this.getFileName(); },
      getPosition() { return 0; },
      getPromiseIndex() { return null; },
      isToplevel() { return !this.getFunctionName(); },
      isEval() { return false; },
      isAsync() { return false; },
      isPromiseAll() { return false; },
      toString() {
        const place = authorPlace(this.getFileName() ?? '<anonymous>', this.getLineNumber(), this.getColumnNumber());
        const name = this.getFunctionName();
        return name ? `${name} (${place})` : place;
      },
    });
  }
}

/** Gives an error that the host reported the stack of the place that asked. */
function borrowStack(error, asked) {
  const raw = engineStack?.get?.call(asked);
  if (!(raw instanceof RawStack)) return error;
  Object.defineProperty(error, 'stack', {
    get() { return `${errorHeader(this)}${raw.lines().map((line) => `\n    at ${line}`).join('')}`; },
    set(value) { replaceStack(this, value); },
    enumerable: false,
    configurable: true,
  });
  return error;
}
