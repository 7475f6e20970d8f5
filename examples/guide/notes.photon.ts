/** Keeps notes. */
export default class Notes extends Photon {
  private notes: string[] = [];

  getState() {
    return { notes: this.notes };
  }
  setState(state: { notes: string[] }) {
    this.notes = state.notes;
  }

  /**
   * Adds a note
   * @param text What to keep {@min 2}
   * @param times How often {@max 5}
   */
  async add(text: string, times = 1): Promise<number> {
    for (let i = 0; i < times; i++) this.notes.push(text);
    return this.notes.length;
  }

  /** Gives all notes that contain a text */
  async find({ part = "" }: { part?: string }): Promise<string[]> {
    return this.notes.filter((note) => note.includes(part));
  }
}
