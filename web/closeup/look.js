/* Looking at one number of a grid, by pointer, finger or keys: it is marked in every grid that knows it, and read out. */

/** @import { Looking } from "./types.js" */

export class Look {
  /**
   * @param {HTMLElement} root that tells others, by `closeup:look`
   * @param {HTMLElement} body where the grids are
   */
  constructor(root, body) {
    this.root = root;
    this.body = body;
    /** @type {Looking | null} */
    this.looking = null;
    /** @type {number | null} what somebody looked at last */
    this.chosen = null;
    const point = (/** @type {Event} */ event) => {
      const cell = /** @type {Element} */ (event.target).closest("[data-cell]");
      if (cell instanceof HTMLElement) this.at(Number(cell.dataset.cell));
    };
    body.addEventListener("pointerover", point);
    body.addEventListener("pointerdown", point);
    body.addEventListener("keydown", (event) => this.onKey(event));
    body.addEventListener("focusin", ({ target }) => {
      const grid = /** @type {Element} */ (target);
      const inside = grid.querySelector(":scope > .looked") ?? grid.querySelector(":scope > [data-cell]");
      if (grid.matches(".cells") && inside instanceof HTMLElement) this.at(Number(inside.dataset.cell));
    });
  }

  /**
   * Another drawing: what was looked at stays so where it is there too.
   * @param {Looking | null} looking
   */
  take(looking) {
    this.looking = looking;
    if (!looking) return;
    const isThere = this.chosen !== null && this.body.querySelector(`[data-cell="${this.chosen}"]`);
    this.mark(isThere && this.chosen !== null ? this.chosen : looking.first);
  }

  /** Forget what was looked at. */
  forget() {
    this.chosen = null;
  }

  /** @param {number} cell */
  at(cell) {
    if (!this.looking || cell === this.chosen) return;
    this.chosen = cell;
    this.mark(cell);
    this.root.dispatchEvent(new CustomEvent("closeup:look", { bubbles: true, detail: { cell: cell + 1 } }));
  }

  /** @param {number} cell */
  mark(cell) {
    for (const node of this.body.querySelectorAll(".looked")) node.classList.remove("looked");
    for (const node of this.body.querySelectorAll(`[data-cell="${cell}"]`)) node.classList.add("looked");
    this.root.dataset.look = String(cell + 1);
    this.looking?.readout.replaceChildren(...this.looking.describe(cell));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const grid = /** @type {HTMLElement} */ (event.target);
    const columns = Number(grid.dataset?.columns);
    if (!columns || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, number>} */
    const ways = { ArrowUp: -columns, ArrowDown: columns, ArrowLeft: -1, ArrowRight: 1 };
    if (!(event.key in ways)) return;
    event.preventDefault();
    const cells = /** @type {HTMLElement[]} */ ([...grid.children]);
    const from = cells.findIndex((cell) => cell.classList.contains("looked"));
    const to = cells[Math.max(from, 0) + ways[event.key]];
    const isWrapped =
      Math.abs(ways[event.key]) === 1 && Math.floor(from / columns) !== Math.floor(cells.indexOf(to) / columns);
    if (to && !isWrapped) this.at(Number(to.dataset.cell));
  }
}
