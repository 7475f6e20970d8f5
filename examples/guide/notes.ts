// A class: each method can be run by its name. What `getState` gives is kept between runs.
export default class Notes extends Photon {
  private state = { notes: [] as string[] };

  getState() {
    return this.state;
  }

  setState(state: { notes: string[] }) {
    this.state = state;
  }

  async add({ text }: { text: string }) {
    this.state.notes.push(text);
    return `${this.state.notes.length} notes`;
  }

  async all() {
    return this.state.notes;
  }
}
