/* The pieces that each kind of close-up computes with; known before what draws it has been fetched. */

/** @import { Kind, Place } from "./types.js" */

/** @type {Record<Kind, (place: Place) => string[]>} */
const NEEDS = {
  embedding: ({ stage }) => [...(stage ? [`stages.${stage - 1}.output`] : []), `stages.${stage}.embedding`],
  projection: (place) => ofBlock(place, "input", "attention"),
  attention: (place) => ofBlock(place, "input", "attention"),
  block: (place) => [...ofBlock(place, "input", "attention", "mlp"), `stages.${place.stage}.added`],
  answer: () => ["classifier", "gathered", "labels"],
};

/**
 * Names of pieces.
 * @param {Place} place
 */
export function needsOf(place) {
  return ["pixels", ...NEEDS[place.kind](place)];
}

/**
 * @param {Place} place
 * @param {...string} parts
 */
function ofBlock({ stage, block }, ...parts) {
  return parts.map((part) => `stages.${stage}.layers.${block}.${part}`);
}
