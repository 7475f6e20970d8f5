// Sleeps for a month, unless the customer pays before. Promises race as in any program.
import { signal, sleep, emit } from "quicksave";

export default async function trial({ user, days = 30 }: { user: string; days?: number }) {
  emit("status", `the trial of ${user} runs for ${days} days`);
  const paid = signal("paid").then((amount) => ({ user, paid: amount }));
  const over = sleep(days * 24 * 60 * 60 * 1000).then(() => ({ user, paid: 0 }));
  return Promise.race([paid, over]);
}
