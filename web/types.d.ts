/** What travels between a host and the parts of the page. Python's half of these shapes: ui/components/. */

/** What a part gets from whoever carries it: Gradio's page, a test page, a page without a server. */
export interface Host<Value> {
  /** What the part shows; null for nothing. A part that lets people choose assigns a new value, then triggers. */
  value: Value | null;
  /** Calls back whenever another value has come from outside; not for the first one, nor for the part's own. */
  watch(changed: () => void): void;
  /** Tells the host that something happened. */
  trigger(name: string, data?: unknown): void;
  /** Brings a file to where the host keeps photos, and says what it is called there. */
  upload(file: File): Promise<string>;
  /** Asks one of the host's functions by name. */
  ask(name: string, ...given: unknown[]): Promise<unknown>;
  words: Words;
  theme: Theme;
}

/** A part on the page. */
export interface Part {
  /** Shows the host's value, which has changed. */
  update(): void;
  /** Takes everything away that the part has put into the document or listens to. */
  destroy(): void;
}

/** The texts of one part in one language. */
export interface Words {
  /** A text by its name, its {blanks} filled in. */
  (name: string, values?: Record<string, unknown>): string;
  /** Code of the language, such as "en". */
  language: string;
  /** All languages that the host has, by code, each with its own name for itself. */
  languages: Record<string, string>;
  /** The names of all texts of the part. */
  names: string[];
  /** Definitions of terms, for every part. */
  glossary: Record<string, string>;
  /** What a class is called; of one that the language has no word for, its own name. */
  className(label: string): string;
}

/** How numbers become colours: Python's palettes, and its one rule for scales (visualize/palette.py). */
export interface Theme {
  /** 256 colours by a palette's name, as base64 of RGB bytes. */
  palettes: Record<string, string>;
  colours: Record<Kind, ColourRule>;
}

export interface ColourRule {
  palette: string;
  /** Whether a scale begins at zero (or the smallest value, if that is lower), or lies even about it. */
  low: "zero" | "symmetric";
  /** Of a map with a baseline, how many times that its scale reaches; all others reach to the largest value. */
  uniform?: number;
  /** The share of its magnitudes that a scale which lies even about zero holds. */
  holds?: number;
}

export type Kind = "distribution" | "sequential" | "diverging";

/** A file of the host, where it can be fetched. */
export interface FileLink {
  url: string;
}

export interface Grid {
  rows: number;
  columns: number;
  /** Between neighbouring centres, in pixels of the model's input. */
  stride: number;
  /** Of the first centre. */
  offset: number;
  receptive_field: number;
}

/** How the model's input was cut from the photo; sizes are [height, width]. */
export interface Crop {
  photo: [number, number];
  resized: [number, number];
  top: number;
  left: number;
  height: number;
  width: number;
}

export interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

export interface Scale {
  low: number;
  high: number;
  /** Whether values lie beyond the ends. */
  below: boolean;
  above: boolean;
}

/** A token, [row, column] from 0, or the class token. */
export type Cell = [number, number];
export type Query = Cell | "cls";
export type Head = number | "mean" | "all";

export interface Stage {
  tokens: Grid;
  queries: Grid;
  keys: Grid;
  has_cls: boolean;
  heads: number;
  channels: number;
  scale: number;
  blocks: FileLink[];
  features: FileLink;
  methods: string[];
}

/** A map that the server worked out; `stage` from 0, null where it belongs to none. */
export interface MapDescription {
  grid: Grid;
  kind: Kind;
  baseline: number | null;
  cls_share: number | null;
  stage: number | null;
  method: string;
}

export interface ServerMap extends MapDescription {
  values: Float32Array;
}

export interface MapsFile {
  file: FileLink;
  maps: MapDescription[];
}

export interface ClassEntry {
  index: number;
  label: string;
  /** null of a class that the server has not told about yet. */
  probability: number | null;
}

export interface ExplorerValue {
  key: string;
  /** Seconds since 1970. */
  made: number;
  model: string;
  example: string | null;
  /** Whose photo it is, by language; nothing of somebody's own. */
  credit: Told;
  photo: FileLink;
  original: FileLink | null;
  crop: Crop;
  stages: Stage[];
  /** What shows class evidence of the network as a whole, best first. */
  methods: string[];
  /** Methods that can hold one class against another. */
  contrasting: string[];
  /** How faithful the methods' maps are over many photos: the whole network's have stage null, others count from 0. */
  measured: { method: string; stage: number | null; gain: number; pointing: number }[];
  class_count: number;
  classes: ClassEntry[];
  evidence: { index: number; against: number | null; maps: MapsFile }[];
  /** The figure that was asked for last; made as the value is. */
  figure?: { made: number; file: FileLink } | null;
}

/** Queries and keys of one block: [heads, queries, size] and [heads, keys, size]; `cls` is 1 where CLS comes first. */
export interface Block {
  heads: number;
  queries: number;
  keys: number;
  size: number;
  scale: number;
  cls: number;
  query: Float32Array;
  key: Float32Array;
}

/** A stage's feature map, [channels, tokens], and what is worked out of it once. */
export interface FeatureMap {
  channels: number;
  tokens: number;
  values: Float32Array;
}

export interface Features extends FeatureMap {
  norm: Float32Array;
  unit: Float32Array;
  spread: { mean: Float32Array<ArrayBuffer>; deviation: Float32Array<ArrayBuffer> };
  magnitudes: Float32Array;
}

/** Numbers on a grid, ready to be drawn; of attention with the whole row, CLS first. */
export interface DrawnMap {
  grid: Grid;
  values: Float32Array;
  kind: Kind;
  row?: Float32Array;
  baseline?: number | null;
  reach?: number | null;
  method?: string;
}

/** One of the panels wanted, with what it shows. */
export interface Shown {
  query: Query;
  head: number | "mean";
  map: DrawnMap | null;
}

/** What somebody wishes to see: as typed into an address, so anything. */
export type Wish = Partial<
  Record<
    "view" | "stage" | "block" | "head" | "channel" | "method" | "target" | "against" | "query" | "compare",
    unknown
  >
> & { example?: string | null; model?: string | null };

/** A sentence that Python has written, by language. */
export type Told = Record<string, string>;

/** A small heatmap of the ribbon. */
export interface StagePicture {
  file: FileLink;
  alt: Told;
}

/** What the ribbon says of one stage; the numbers fill its words. */
export interface StageCard {
  numbers: Record<"stage" | "rows" | "columns" | "channels" | "window" | "stride" | "blocks", number>;
  has_cls: boolean;
  feature: StagePicture;
  attention: StagePicture;
}

/** `height` and `width` are those of the model's input. */
export interface RibbonValue {
  photo: FileLink;
  height: number;
  width: number;
  cards: StageCard[];
  answer: { label: string; probability: number };
}

/** `image`: the address of its small picture, seen from the page. */
export interface ExamplePicture {
  id: string;
  author: string;
  licence: string;
  licence_url: string;
  source: string;
  image: string;
}

export interface ExamplesValue {
  pictures: ExamplePicture[];
  /** null for a photo that somebody brought. */
  chosen: string | null;
}

/** A curve's points: share of the photo changed, probability. */
export interface CurveValue {
  name: string;
  area: number;
  points: [number, number][];
}

export interface CurvesValue {
  label: string;
  curves: CurveValue[];
}

/** A model that knows more classes, to be downloaded once. */
export interface Offer {
  title: string;
  classes: number;
  megabytes: number;
  state: "absent" | "fetching" | "here" | "failed";
  /** From 0 to 1, of the file under way. */
  done: number;
}

/** What is told beside the prediction: doubt, how many classes the model knows, and a model that knows more. */
export interface ScopeValue {
  /** An example that shows none of the classes. */
  foreign: boolean;
  doubted: boolean;
  classes: number;
  /** Of a hundred photos, how many it named rightly when it was tested; null where nobody knows. */
  right: number | null;
  offer: Offer | null;
}

/** How much better a map is than one that knows nothing; `stage` from 0, null for one of the whole network. */
export interface ComparedMethod {
  method: string;
  view: string | null;
  stage: number | null;
  gain: number;
}

/** Every method on one photo, the best first; no methods stand for a photo that has yet to be measured. */
export interface ComparisonValue {
  number: number;
  label: string;
  methods: ComparedMethod[];
}

/** What is known of a model: what is told with the name of its text, the numbers in them, and the classes in order. */
export interface AboutValue {
  facts: [string, string][];
  numbers: Record<string, string | number>;
  classes: string[];
}

/** `most`: the largest photo that is taken, in bytes. */
export interface PhotoValue {
  most: number;
}

/** One lesson of the course as its text has it (ui/course/text.py); `number` from 1. */
export interface Lesson {
  number: number;
  name: string;
  title: string;
  minutes: number;
  goals: string[];
  steps: LessonStep[];
}

/** One idea: what it says, what it opens, and what it waits for. Everything counts from 1. */
export interface LessonStep {
  title: string;
  paragraphs: string[];
  questions: LessonQuestion[];
  open: Record<string, unknown>;
  close_up: Record<string, unknown>;
  laboratory: Record<string, unknown>;
  table: boolean;
  wait: { on?: string; name?: string; times?: number };
}

/** A question's words: what is said to an answer, and options, by name. */
export interface LessonQuestion {
  name: string;
  ask: string;
  says: Record<string, string>;
}

/** A question made for a photo and a model (ui/course/asked.py). */
export interface Asked {
  kind: "number" | "choice" | "token";
  answer: string | number;
  values: Record<string, unknown>;
  tolerance: number;
  slips: Record<string, number>;
  options: [string, Record<string, unknown>][];
  tokens: [number, number][];
  open: Record<string, unknown>;
  laboratory: Record<string, unknown>;
}

/** What a stage is and costs. */
export interface StageLine {
  grid: [number, number];
  keys: [number, number];
  channels: number;
  heads: number;
  blocks: number;
  field: number;
  parameters: number;
  multiply_adds: number;
}

/** What the lessons know of a photo and a model; `questions` holds variants by name. */
export interface LessonFacts {
  key: string;
  traits: string[];
  numbers: Record<string, string | number>;
  table: StageLine[];
  questions: Record<string, Asked[]>;
}

/** All lessons, and in Markdown what teachers are told. */
export interface CourseText {
  lessons: Lesson[];
  teachers: string;
}

/**
 * `course`: addresses of a `CourseText` by language, seen from the page. `facts` come when somebody asks for them, and
 * so does one of the exercise `sheets`.
 */
export interface LessonsValue {
  key: string;
  course: Record<string, string>;
  facts: FileLink | null;
  sheets: string[];
  sheet: { name: string; file: FileLink } | null;
}
