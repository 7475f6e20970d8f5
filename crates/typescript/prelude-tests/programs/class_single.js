// params: {"who": "you"}
// A class with one tool; the rest are no tools.
export default class Greeter {
  #name = 'x';
  static helper() {}
  async onInitialize() { console.log('initialized'); }
  async onShutdown() { console.log('shut down'); }
  _hidden() {}
  get value() { return 1; }
  async greet({ who }) { return `hello ${who} from ${this.#name}`; }
}
