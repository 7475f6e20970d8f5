export default class Both {
  other() { return 'other'; }
  async *run() { yield 'from run'; return 'run'; }
}
