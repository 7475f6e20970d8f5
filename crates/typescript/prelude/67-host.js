// The module `quicksave:host`: what the libraries that come with the platform need of it. They are not part of the
// image; the bundler puts them into the code of the programs that import them, and gives this module to nobody else.

/** Called when a turn is over, or the program's end begins: the last chance to have something recorded in it. */
const turnEndings = [];

function turnOver() {
  for (const ending of turnEndings) ending();
}

defineBuiltin('quicksave:host', {
  /** A pure function: gives `[ok, json, bytes?]`, unread. */
  pure: native.pure,
  perform,
  emit: emitEffect,
  now: native.now,
  random: native.random,
  onTurnEnd(ending) { turnEndings.push(ending); },
});
