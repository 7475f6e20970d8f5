// The last file: everything is defined, so the engine may call.

native.handlers({
  start,
  deliver,
  reseed,
  idle,
  unhandled,
  inspect: inspectRun,
  builtin: findBuiltin,
});
hiddenFile = preludeFile;
