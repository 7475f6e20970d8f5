// Killed anywhere, it goes on there: in the loop, at the question, with its variables.
import { appendFile } from "node:fs/promises";

export default async function* order({ item }: { item: string }) {
  for (const step of ["reserve", "charge", "pack"]) {
    await appendFile("orders.txt", `${step} ${item}\n`);
    yield { checkpoint: true, state: { step } };
  }
  const ship: boolean = yield { ask: "confirm", message: `Ship the ${item}?` };
  if (ship) await appendFile("orders.txt", `ship ${item}\n`);
  return { item, shipped: ship };
}
