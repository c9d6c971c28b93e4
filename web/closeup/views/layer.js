/* The numbers of one block: what its norms, projections, attention and MLP make of its tokens, worked out when asked. */

import { cells } from "../../shared/geometry.js";
import { ACTIVATIONS, averageAt, dot, folded, layerNorm, linear, softmax, windowValues } from "./arithmetic.js";

/** @import { CloseUpStage, CloseUpValue, Convolution, NumberMap, Piece } from "../types.js" */
/** @typedef {"query" | "key" | "value"} Projection */

/** One block of one photo; tokens count from 0, CLS first where there is one. */
export class Layer {
  /**
   * @param {CloseUpValue} value
   * @param {CloseUpStage} stage
   * @param {Piece} input with its `tokens`
   * @param {Piece} weights of the attention and the norm before it
   * @param {Piece} [mlp] of the MLP and the norm before it
   */
  constructor(value, stage, input, weights, mlp) {
    this.value = value;
    this.stage = stage;
    this.weights = weights;
    this.mlp = mlp;
    this.cls = stage.has_cls ? 1 : 0;
    this.tokens = input.tokens.values;
    this.size = stage.channels / stage.heads;
    this.scale = stage.channels ** -0.5;
    /** @type {Map<string, Float64Array[]>} */
    this.known = new Map();
    this.normalised = this.normalise();
  }

  /**
   * @param {string} name
   * @param {string} [of] the module
   */
  weight(name, of = "attention.") {
    return this.weights[of + name]?.values;
  }

  /**
   * A token as it enters.
   * @param {number} token
   */
  token(token) {
    const { channels } = this.stage;
    return Float64Array.from({ length: channels }, (_, c) => this.tokens[token * channels + c]);
  }

  /**
   * A token after the norm that comes before attention.
   * @param {number} token
   */
  normOf(token) {
    const [weight, bias] = [this.weight("weight", "attention_norm."), this.weight("bias", "attention_norm.")];
    return layerNorm(this.token(token), weight, bias, this.value.norm_eps);
  }

  /**
   * The normalised tokens as a map; CLS is no part of it.
   * @returns {NumberMap}
   */
  normalise() {
    const { channels, tokens } = this.stage;
    const count = cells(tokens);
    const values = new Float64Array(channels * count);
    for (let t = 0; t < count; t++) {
      const { result } = this.normOf(t + this.cls);
      for (let c = 0; c < channels; c++) values[c * count + t] = result[c];
    }
    return { channels, rows: tokens.rows, columns: tokens.columns, values };
  }

  /**
   * The convolution of a projection; null where it has none.
   * @param {Projection} which
   * @returns {Convolution | null}
   */
  convolution(which) {
    const { method, query, key } = this.stage;
    if (method === "linear" || (method === "avg" && which === "query")) return null;
    return which === "query" ? query : key;
  }

  /**
   * The kernel of one channel, and the batch norm behind it.
   * @param {Projection} which
   * @param {number} channel
   */
  kernel(which, channel) {
    const size = this.stage.query.kernel ** 2;
    const at = (/** @type {string} */ name) => this.weight(`${which}_convolution.norm.${name}`)[channel];
    const batch = { weight: at("weight"), bias: at("bias"), mean: at("running_mean"), variance: at("running_var") };
    const all = this.weight(`${which}_convolution.convolution.weight`);
    const weights = Float64Array.from({ length: size }, (_, i) => all[channel * size + i]);
    return { weights, batch, ...folded(batch, this.value.batch_eps) };
  }

  /**
   * What the spatial half of a projection gives for one channel at a place of its own grid.
   * @param {Projection} which
   * @param {number} row
   * @param {number} column
   * @param {number} channel
   */
  spatialAt(which, row, column, channel) {
    const { normalised } = this;
    const convolution = this.convolution(which);
    if (!convolution) return normalised.values[(channel * normalised.rows + row) * normalised.columns + column];
    if (this.stage.method === "avg") return averageAt(normalised, convolution, row, column, channel);
    const { weights, factor, summand } = this.kernel(which, channel);
    return dot(windowValues(normalised, convolution, row, column, channel), weights) * factor + summand;
  }

  /**
   * What goes into a projection's linear at one of its outputs, [channels].
   * @param {Projection} which
   * @param {number} output CLS first
   */
  spatial(which, output) {
    if (output < this.cls) return this.normOf(0).result;
    const { columns } = which === "query" ? this.stage.tokens : this.stage.keys;
    const [row, column] = [Math.floor((output - this.cls) / columns), (output - this.cls) % columns];
    return Float64Array.from({ length: this.stage.channels }, (_, c) => this.spatialAt(which, row, column, c));
  }

  /** How many keys there are, CLS included. */
  get keys() {
    return cells(this.stage.keys) + this.cls;
  }

  /**
   * One output of a projection in one head, [channels / heads].
   * @param {Projection} which
   * @param {number} output
   * @param {number} head
   */
  projected(which, output, head) {
    const inputs = this.remember(`${which} ${output}`, () => [this.spatial(which, output)])[0];
    const [weight, bias] = [this.weight(`${which}_linear.weight`), this.weight(`${which}_linear.bias`)];
    return linear(inputs, weight, bias, head * this.size, this.size);
  }

  /**
   * All keys or values of one head.
   * @param {"key" | "value"} which
   * @param {number} head
   */
  all(which, head) {
    return this.remember(`${which}s of ${head}`, () =>
      Array.from({ length: this.keys }, (_, key) => this.projected(which, key, head)),
    );
  }

  /**
   * @param {string} name
   * @param {() => Float64Array[]} work
   */
  remember(name, work) {
    const found = this.known.get(name) ?? work();
    this.known.set(name, found);
    return found;
  }

  /**
   * One row of attention in one head: sums, scaled sums, softmax, and what is fetched, [channels / heads].
   * @param {number} token
   * @param {number} head
   */
  attend(token, head) {
    const query = this.projected("query", token, head);
    const sums = Float64Array.from(this.all("key", head), (key) => dot(query, key));
    const scores = sums.map((sum) => sum * this.scale);
    const steps = softmax(scores);
    const values = this.all("value", head);
    const context = new Float64Array(this.size);
    for (const [key, value] of values.entries()) {
      for (let c = 0; c < this.size; c++) context[c] += steps.shares[key] * value[c];
    }
    return { query, sums, scores, ...steps, context };
  }

  /**
   * The whole way of one token through the block.
   * @param {number} token
   */
  through(token) {
    const mlp = this.mlp ?? {};
    const { heads, channels } = this.stage;
    const entering = this.token(token);
    const context = new Float64Array(channels);
    for (let h = 0; h < heads; h++) context.set(this.attend(token, h).context, h * this.size);
    const attention = linear(context, this.weight("output_linear.weight"), this.weight("output_linear.bias"));
    const middle = entering.map((value, c) => value + attention[c]);
    const normal = layerNorm(middle, mlp["mlp_norm.weight"].values, mlp["mlp_norm.bias"].values, this.value.norm_eps);
    const hidden = linear(normal.result, mlp["mlp.expand.weight"].values, mlp["mlp.expand.bias"].values);
    const active = hidden.map(ACTIVATIONS[this.value.activation]);
    const out = linear(active, mlp["mlp.contract.weight"].values, mlp["mlp.contract.bias"].values);
    const leaving = middle.map((value, c) => value + out[c]);
    return {
      entering,
      first: this.normOf(token),
      context,
      attention,
      middle,
      second: normal,
      hidden,
      active,
      mlp: out,
      leaving,
    };
  }
}
