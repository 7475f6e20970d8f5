// DAGs as pictures and as data for others' tools, drawn by the host.
import type { DAG, JsonObject } from './entities.ts';
import { draw } from './machine.ts';
import { Validator } from './validation.ts';

/** The drawing of a document that is valid. */
function drawn(dag: DAG, format: string): unknown {
  Validator.dag.validate(dag);
  return draw(dag, format);
}

export const MermaidRenderer = Object.freeze({
  /** A flow chart in Mermaid's language. */
  render: (dag: DAG): string => drawn(dag, 'mermaid') as string,
});

export const SvgRenderer = Object.freeze({
  /** A picture. */
  render: (dag: DAG): string => drawn(dag, 'svg') as string,
});

export const CytoscapeRenderer = Object.freeze({
  /** Elements as Cytoscape.js takes them: `{elements: {nodes, edges}}`. */
  render: (dag: DAG): JsonObject => drawn(dag, 'cytoscape') as JsonObject,
});

export const JsonLdRenderer = Object.freeze({
  /** The document with a context and ids, where it has none. */
  render: (dag: DAG): JsonObject => drawn(dag, 'json-ld') as JsonObject,
});
