// A program with everything that must survive: private fields, Maps, closures, nested generators, pending promises,
// races, timers, randomness and time. The server's answers depend on the path alone, so an undisturbed run tells what
// the result must be.

class Account {
  #balance = 0;
  #entries: string[] = [];
  add(name: string, amount: number): this {
    this.#balance += amount;
    this.#entries.push(name);
    return this;
  }
  get summary() {
    return { balance: this.#balance, entries: this.#entries.length };
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function post(server: string, path: string): Promise<number> {
  const response = await fetch(`${server}/${path}`, { method: "POST", body: path });
  return (await response.json()).value;
}

async function* numbers(server: string, tag: string, count: number): AsyncGenerator<any, number, any> {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const value = await post(server, `${tag}/${i}`);
    sum += value;
    // Passes through `yield*` up to the driver.
    const state = yield { checkpoint: { tag, i } };
    if (state.i !== i) throw new Error("the checkpoint gave something else back");
  }
  return sum;
}

function* squares(n: number) {
  for (let i = 0; i < n; i++) yield i * i;
}

export default async function* torture({ server, rounds }: { server: string; rounds: number }) {
  const account = new Account();
  const seen = new Map<string, number>();
  const undo: Array<() => string> = [];
  const random: number[] = [];
  const plain = squares(1000);
  const pending = post(server, "pending").then((value) => ({ value, late: true }));
  let before = Date.now();

  for (let round = 0; round < rounds; round++) {
    const both = await Promise.all(Array.from({ length: 4 }, (_, i) => post(server, `all/${round}/${i}`)));
    both.forEach((value, i) => seen.set(`${round}.${i}`, value));
    account.add(`round ${round}`, both[0] + plain.next().value!);
    undo.push(() => `${round}:${account.summary.balance}`);

    const first = await Promise.race([sleep(1).then(() => "short"), sleep(5000).then(() => "long")]);
    if (first !== "short") throw new Error("the longer timer won");
    yield { emit: "status", message: `round ${round}` };

    account.add("nested", yield* numbers(server, `nested/${round}`, 2));
    random.push(Math.random());
    const now = Date.now();
    if (now < before) throw new Error("time went back");
    before = now;
    try {
      await Promise.any([Promise.reject(new Error("one")), Promise.reject(new Error("two"))]);
    } catch (error) {
      account.add((error as AggregateError).errors.map((e: Error) => e.message).join(), 1);
    }
  }

  if (new Set(random).size !== random.length) throw new Error("random numbers repeat");
  const late = await pending;
  return { late, ...account.summary, seen: [...seen.entries()], undo: undo.map((f) => f()) };
}
