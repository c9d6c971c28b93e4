/* The numbers that close-ups compute with: asked for once, fetched once, kept while photo and model stay. */

/** @import { CloseUpValue, Piece, PieceFile } from "./types.js" */

/** Pieces of one value of the host. */
export class Store {
  /** @param {(names: string[]) => void} ask the host for pieces, which come with its next value */
  constructor(ask) {
    this.ask = ask;
    this.key = "";
    /** @type {Map<string, Promise<Piece>>} */
    this.fetched = new Map();
    /** @type {Map<string, Piece>} */
    this.held = new Map();
    /** @type {Map<string, () => void>} what waits for a piece to be offered */
    this.waiting = new Map();
    /** @type {string[]} what the host has been asked for and has not answered */
    this.asked = [];
  }

  /**
   * Take over what a value brings; what belongs to another photo or model is forgotten.
   * @param {CloseUpValue} value
   */
  take({ key, pieces }) {
    if (key !== this.key) {
      this.key = key;
      this.fetched.clear();
      this.held.clear();
      this.waiting.clear(); // whoever waited for the other photo's is drawn anew
      this.asked = [];
    }
    for (const piece of pieces) {
      if (this.fetched.has(piece.name)) continue;
      const fetched = this.fetch(piece);
      fetched.catch(() => {}); // whoever needs it hears of a failure
      this.fetched.set(piece.name, fetched);
    }
    this.asked = this.asked.filter((name) => !this.fetched.has(name));
    for (const [name, go] of this.waiting) if (this.fetched.has(name)) go();
    this.askNext();
  }

  /** @param {PieceFile} piece */
  async fetch(piece) {
    const { key } = this;
    try {
      const decoded = await read(piece);
      if (key === this.key) this.held.set(piece.name, decoded);
      return decoded;
    } catch (error) {
      if (key === this.key) this.fetched.delete(piece.name); // so that it can be asked for again
      throw error;
    }
  }

  /**
   * Resolves when pieces are here.
   * @param {string[]} names
   */
  async need(names) {
    const missing = names.filter((name) => !this.fetched.has(name));
    const offered = missing.map(
      (name) => new Promise((/** @type {(value?: unknown) => void} */ go) => this.hear(name, go)),
    );
    this.askNext();
    await Promise.all(offered);
    await Promise.all(names.map((name) => this.fetched.get(name)));
  }

  /**
   * @param {string} name
   * @param {() => void} go
   */
  hear(name, go) {
    const before = this.waiting.get(name);
    this.waiting.set(name, () => {
      this.waiting.delete(name);
      before?.();
      go();
    });
  }

  /** One question at a time: a host that answers two at once might show only the second answer. */
  askNext() {
    if (this.asked.length) return;
    this.asked = [...this.waiting.keys()].filter((name) => !this.fetched.has(name));
    if (this.asked.length) this.ask(this.asked);
  }

  /** Ask once more for what has not come. */
  retry() {
    this.asked = [];
    this.askNext();
  }

  /**
   * A piece that is here.
   * @param {string} name
   */
  piece(name) {
    const found = this.held.get(name);
    if (!found) throw new Error(`${name} is not here`);
    return found;
  }
}

/**
 * @param {PieceFile} piece
 * @returns {Promise<Piece>}
 */
async function read({ name, type, file, tensors }) {
  const answer = await fetch(file.url);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  if (type === "json") {
    const values = await answer.json();
    return { [name]: { shape: [values.length], values } };
  }
  const buffer = await answer.arrayBuffer();
  const numbers = type === "uint8" ? new Uint8Array(buffer) : new Float32Array(buffer);
  /** @type {Piece} */
  const piece = {};
  let at = 0;
  for (const { name: tensor, shape } of tensors) {
    const size = shape.reduce((product, length) => product * length, 1);
    piece[tensor] = { shape, values: numbers.subarray(at, at + size) };
    at += size;
  }
  if (at !== numbers.length) throw new Error(`${name}: ${numbers.length} numbers, ${at} expected`);
  return piece;
}
