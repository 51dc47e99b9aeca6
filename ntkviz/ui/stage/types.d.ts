// What travels from the server to the stage, and the few parts of Plotly that the stage uses.

export interface Packed { shape: number[]; float32: string }

export type Row = Float32Array | Float32Array[];
/** Trace -> attribute -> one row a frame. */
export type Frames = Map<string, Map<string, Row[]>>;

export interface Trace { name?: string; [setting: string]: any }
export interface Axis { type?: string; range?: number[]; title?: any; [setting: string]: any }
export interface Layout { xaxis?: Axis; yaxis?: Axis; [setting: string]: any }
export interface Figure { data: Trace[]; layout: Layout }

export interface Chart {
  name: string;
  figure: string; // Plotly's JSON
  alt: string;
  alt_answer: string;
  prompt: string;
  prompt_answer: string;
  layout_answer: { [part: string]: { [setting: string]: any } };
  frames: { [trace: string]: { [attribute: string]: Packed } };
  answers: string[]; // names of the traces that are not drawn before the guess
  cursor: number[] | null;
  span: number;
  text: string; // all of it as it came, to tell whether it changed
}

export interface Scrub { label: string; values: string[]; start: number; play: boolean }

export interface FoundNumber {
  label: string; value: string; expected: string; help: string; caveat: string; answer: boolean; agrees: boolean | null;
}
export interface Remark { text: string; answer: boolean }

export type Ask = "auto" | "open" | "ask" | "none";

export interface Message {
  charts: Chart[];
  scrub: Scrub | null;
  columns: number;
  title: string;
  settings: { [name: string]: string };
  numbers: FoundNumber[];
  remarks: Remark[];
  dark: { [light: string]: string };
  slot: string;
  frame: string; // the name of the frame's place in the link
  preset: string;
  ask: Ask;
  question: Question | null;
  stale: string;
}

interface Asked {
  key?: string;
  asks: string;
  setup?: string;
  pending?: string; // why there is no answer yet, where there is none
  explains?: string;
  shows?: string;
}
export interface Curve { x: number[]; y: number[] }
export interface Choice extends Asked {
  kind: "choice"; options: string[]; answer?: number | null; replies: { [option: string]: string };
}
export interface NumberReply { beyond?: number; below?: number; text: string }
export interface NumberQuestion extends Asked {
  kind: "number"; low: number; high: number; log: boolean; unit: string; answer?: number | null;
  was: string; more: string; less: string; replies: NumberReply[]; mark: { chart: string; axis: "x" | "y" } | null;
}
export interface Order extends Asked {
  kind: "order"; items: string[]; answer?: number[] | null; replies: { order: number[]; text: string }[];
}
export interface Sketch extends Asked {
  kind: "sketch"; chart: string; x: number[]; y: number[]; answer?: Curve | null; near: number;
  replies: { like: Curve; text: string }[];
}
export type Question = Choice | NumberQuestion | Order | Sketch;
export type Guess = number | number[] | Curve;

/** Kept in the browser for a question: a guess, or that the visitor wanted to be shown the answer. */
export interface Kept { guess?: Guess; skipped?: boolean }

/** A part of an axis: `low` and `high` are values, not their logarithms. */
export interface Scale { low: number; high: number; log: boolean }
export interface Scales { x: Scale; y: Scale; title?: string }

/** What a visitor's guess adds to a chart. */
export type Mark = { kind: "curve"; curve: Curve } | { kind: "line"; axis: "x" | "y"; value: number };

/** The controls with which a question is answered. */
export interface Form {
  node: HTMLElement;
  value(): Guess | null; // null while there is nothing to submit
  remove(): void;
}

export interface PlotElement extends HTMLDivElement {
  data?: Trace[];
  _fullData?: Trace[];
  _fullLayout?: any;
  on(event: string, handler: (event: any) => void): void;
}
export interface Plotly {
  react(plot: HTMLElement, data: Trace[], layout: Layout, config: object): Promise<unknown>;
  purge(plot: HTMLElement): void;
  toImage(figure: Figure, options: object): Promise<string>;
  Plots: { resize(plot: HTMLElement): void };
}

declare global {
  interface Window { Plotly: Plotly }
}
