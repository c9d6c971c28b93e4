/** What the laboratories get. Python's half: ui/components/laboratory.py, ui/session/laboratory.py. */

import type { ClassEntry, FileLink } from "../types.js";

export type Kind = "place" | "break";
export type Change =
  "shift" | "size" | "flip" | "shuffle" | "border" | "convolution" | "keys" | "head" | "block" | "cls" | "activation";
export type Way = "right" | "left" | "down" | "up";

/** What a stage has that can be silenced; `step`: pixels from one of its tokens to the next. */
export interface Room {
  blocks: number;
  heads: number;
  step: number;
}

/** What the model sees and says. `tokens` by stage; `winner` is the class that was the likeliest before. */
export interface Side {
  picture: FileLink;
  height: number;
  width: number;
  tokens: number[];
  classes: (ClassEntry & { probability: number })[];
  winner: ClassEntry & { probability: number };
}

export interface Pair {
  before: FileLink;
  after: FileLink;
}

export type MapName = "evidence" | "features";

/** `alike`: −1 to 1; null where no token saw the same before. */
export type StageMaps = Record<MapName, Pair> & { alike: number | null };

/** How far the logits move with 0 pixels, 1, 2 …; as far as it is known. */
export interface Curve {
  name: "zeros" | "reflection";
  changes: number[];
}

/** What is known so far of the wish with that number. */
export interface Trial {
  number: number;
  before: Side;
  after: Side;
  change: number;
  maps: StageMaps[];
  curves: Curve[];
  done: boolean;
}

export interface LaboratoryValue {
  key: string;
  made: number;
  /** Of the model's input, in pixels; `least` and `most` bound the longest side of another size. */
  side: number;
  least: number;
  most: number;
  most_shift: number;
  pieces: number[];
  stages: Room[];
  changes: Record<Kind, Change[]>;
  /** Those that the network has not got, and the one that it has. */
  activations: string[];
  activation: string;
  /** Step of the keys. */
  keys: number;
  trial: Trial | null;
  /** Number of a wish that could not be granted. */
  refused: number | null;
}

/** What is tried: `change` null for nothing yet. Stages, blocks and heads count from 1. */
export interface Setup {
  kind: Kind;
  change: Change | null;
  way: Way;
  by: number;
  longest: number;
  shape: "square" | "photo" | "wide" | "tall";
  over: "vertical" | "horizontal";
  pieces: number;
  seed: number;
  convolution: "identity" | "mean";
  activation: string;
  stage: number;
  block: number;
  head: number;
}

/** As typed into an address or said by a lesson: anything. */
export type Wish = Partial<Record<keyof Setup | "to", unknown>>;
