// The last file: everything is defined, so the engine may call.

builtinModules.get('module').builtinModules.push(...listedModules());

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
