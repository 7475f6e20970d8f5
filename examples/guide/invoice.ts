// Asks people, and waits for them as long as it takes.
export default async function* invoice({ amount }: { amount: number }) {
  const customer: string = yield { ask: "text", id: "customer", message: "Who pays?", minLength: 2 };
  const approved: boolean = yield { ask: "confirm", id: "approve", message: `Send ${amount} EUR to ${customer}?` };
  if (!approved) return { customer, sent: false };
  yield { emit: "status", message: `sending the invoice to ${customer}` };
  return { customer, amount, sent: true };
}
