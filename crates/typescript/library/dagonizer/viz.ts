// DAGs as pictures and as data for others' tools.
import type { DAG, JsonObject, Placement } from './entities.ts';
import { Validator } from './validation.ts';

/** Text inside Mermaid's quotes. */
const quoted = (text: string): string => `"${text.replace(/[&"<>#]/g, (c) => `#${c.codePointAt(0)};`).replace(/\n/g, ' ')}"`;

const SHAPES: Record<Placement['@type'], [string, string]> = {
  SingleNode: ['[', ']'], ParallelNode: ['[[', ']]'], FanOutNode: ['[/', '/]'], DeepDAGNode: ['[(', ')]'],
};

/** What a placement runs. */
function runs(placement: Placement): string {
  switch (placement['@type']) {
    case 'ParallelNode':
      return placement.nodes.join(', ');
    case 'DeepDAGNode':
      return placement.dag;
    default:
      return placement.node;
  }
}

export const MermaidRenderer = Object.freeze({
  /** A flow chart in Mermaid's language. */
  render(dag: DAG): string {
    Validator.dag.validate(dag);
    const ids = new Map(dag.nodes.map(({ name }, i) => [name, `n${i}`]));
    const lines = ['flowchart TD', `  start((start)) --> ${ids.get(dag.entrypoint)}`];
    let ends = false;
    for (const placement of dag.nodes) {
      const { name } = placement;
      const [open, close] = SHAPES[placement['@type']];
      const label = runs(placement) === name ? name : `${name}: ${runs(placement)}`;
      lines.push(`  ${ids.get(name)}${open}${quoted(label)}${close}`);
      for (const [port, target] of Object.entries(placement.outputs)) {
        ends ||= target === null;
        lines.push(`  ${ids.get(name)} -->|${quoted(port)}| ${target === null ? 'finish' : ids.get(target)}`);
      }
    }
    if (ends) lines.push('  finish((end))');
    return `${lines.join('\n')}\n`;
  },
});

export const CytoscapeRenderer = Object.freeze({
  /** Elements as Cytoscape.js takes them: `{elements: {nodes, edges}}`. */
  render(dag: DAG): JsonObject {
    Validator.dag.validate(dag);
    const end = '__end__';
    const nodes = dag.nodes.map((placement) => ({
      data: { id: placement.name, label: placement.name, type: placement['@type'], runs: runs(placement), entrypoint: placement.name === dag.entrypoint },
    }));
    const edges = dag.nodes.flatMap(({ name, outputs }) => Object.entries(outputs).map(([port, target]) => ({
      data: { id: `${name}/${port}`, source: name, target: target ?? end, label: port },
    })));
    const finish = edges.some(({ data }) => data.target === end) ? [{ data: { id: end, label: 'end', type: 'End' } }] : [];
    return { elements: { nodes: [...nodes, ...finish], edges } };
  },
});

const VOCABULARY = 'urn:dag:vocabulary:';

export const JsonLdRenderer = Object.freeze({
  /** The document with a context and ids, where it has none. */
  render(dag: DAG): JsonObject {
    Validator.dag.validate(dag);
    const id = dag['@id'] ?? `urn:dag:${encodeURIComponent(dag.name)}`;
    return {
      '@context': dag['@context'] ?? { '@vocab': VOCABULARY },
      ...(dag as unknown as JsonObject),
      '@id': id,
      nodes: dag.nodes.map((placement) => ({
        ...(placement as unknown as JsonObject), '@id': placement['@id'] ?? `${id}/${encodeURIComponent(placement.name)}`,
      })),
    };
  },
});
