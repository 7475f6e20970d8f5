// Caller-driven cancellation — the visitor closes the page.
const controller = new AbortController();
// Simulate visitor abandoning 800 ms in.
setTimeout(() => controller.abort('visitor closed page'), 800);
const cancelVisitor = new ArchivistState();
cancelVisitor.query = "What's a book about a labyrinth?";
const cancelResult = await dispatcher.execute('the-archivist', cancelVisitor, {
'signal': controller.signal,
'deadlineMs': 5000, // hard 5s ceiling regardless of signal
});
const lc = cancelResult.state.lifecycle;
switch (lc.kind) {
case 'completed':
logger.result(`responded: ${cancelResult.state.draft}`);
break;
case 'cancelled':
logger.result(`visitor abandoned at: ${lc.reason}`);
break;
case 'timed_out':
logger.result(`hit deadline at: ${lc.finishedAt}`);
break;
}
// result.cursor is the next node that would have run — pass it to
// Checkpoint.from to persist and resume in a later process.
if (cancelResult.cursor !== null) {
logger.result(`stopped at ${cancelResult.cursor} — resumable`);
}
