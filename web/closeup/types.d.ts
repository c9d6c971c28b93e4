/** What close-ups get and what they are about. Python's half: ui/components/closeup.py, ui/session/pieces.py. */

import type { ClassEntry, FileLink, Grid, Query, Theme, Words } from "../types.js";

export interface Convolution {
  kernel: number;
  stride: number;
  padding: number;
}

export interface CloseUpStage {
  /** The map below; of the first stage the pixels. */
  input: Grid;
  inputs: number;
  tokens: Grid;
  keys: Grid;
  channels: number;
  heads: number;
  blocks: number;
  hidden: number;
  has_cls: boolean;
  embedding: Convolution;
  method: "dw_bn" | "avg" | "linear";
  query: Convolution;
  key: Convolution;
}

export interface PieceFile {
  name: string;
  type: "float32" | "uint8" | "json";
  file: FileLink;
  tensors: { name: string; shape: number[] }[];
}

export interface CloseUpValue {
  key: string;
  made: number;
  height: number;
  width: number;
  /** A byte becomes (byte · factor − mean) / deviation, by colour. */
  factor: number;
  mean: number[];
  deviation: number[];
  norm_eps: number;
  batch_eps: number;
  activation: "gelu" | "quick_gelu";
  temperature: number;
  class_count: number;
  classes: ClassEntry[];
  stages: CloseUpStage[];
  pieces: PieceFile[];
}

/** Numbers with a shape, the last axis fastest. */
export interface Tensor {
  shape: number[];
  values: ArrayLike<number>;
}

export type Piece = Record<string, Tensor>;

export type Kind = "embedding" | "projection" | "attention" | "block" | "answer";

/** What a close-up is about. Everything counts from 0 in here, and from 1 wherever people or scripts meet it. */
export interface Place {
  kind: Kind;
  stage: number;
  block: number;
  head: number;
  query: Query;
  channel: number;
  /** Classes held side by side; the second may be the first. */
  target: number;
  against: number;
}

/** A map of numbers, [channels, rows, columns]. */
export interface NumberMap {
  channels: number;
  rows: number;
  columns: number;
  values: ArrayLike<number>;
}

/** A frame on the picture, in pixels of the model's input. */
export interface Frame {
  y: number;
  x: number;
  height: number;
  width: number;
}

/** What lies on the picture: frames, a border of so many pixels around it, and a colour for each cell of a grid. */
export interface Drawing {
  marks: { frame: Frame; kind: string }[];
  border?: number;
  veil?: { grid: Grid; colours: string[] } | null;
}

/** How single numbers of a view are looked at: the one that is at first, what is said of one, and where. */
export interface Looking {
  first: number;
  describe(cell: number): Node[];
  readout: HTMLElement;
}

/** What a view has drawn: onto the picture, below it, and beside it. */
export interface Drawn extends Drawing {
  beside: (Node | string)[];
  body: Node[];
  look?: Looking;
}

/** What a view chooses for itself, kept while the page is open. */
export interface Options {
  order: "place" | "size";
  rows: number;
}

/** What a view is drawn from. */
export interface Scene {
  value: CloseUpValue;
  place: Place;
  options: Options;
  text: Words;
  theme: Theme;
  /** A piece that the view needs. */
  piece(name: string): Piece;
  /** Goes to another place. */
  change(wish: Record<string, unknown>): void;
  /** Draws the same place with other options. */
  choose(options: Partial<Options>): void;
}

/** One kind of close-up. */
export interface View {
  draw(scene: Scene): Drawn;
}
