import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAGBuilder, Dagonizer, ValidationError, Validator } from '@noocodex/dagonizer';
import type { DAG } from '@noocodex/dagonizer/entities';
import { CytoscapeRenderer, JsonLdRenderer, MermaidRenderer, SvgRenderer } from '@noocodex/dagonizer/viz';
import { Notes, node } from './kit.ts';

const GOOD: DAG = {
  '@type': 'DAG', name: 'd', version: '1', entrypoint: 'a',
  nodes: [{ '@type': 'SingleNode', name: 'a', node: 'a', outputs: { success: null } }],
};

const problemsOf = (document: unknown): string[] => Validator.dag.problems(document).map(({ path }) => path);

test('a document is checked, and every fault has its path', () => {
  assert.deepEqual(problemsOf(GOOD), []);
  assert.equal(Validator.dag.validate(GOOD), GOOD);
  const [single] = GOOD.nodes;
  assert.deepEqual(problemsOf({ ...GOOD, entrypoint: 'b' }), ['entrypoint']);
  assert.deepEqual(problemsOf({ ...GOOD, nodes: [{ ...single, outputs: { success: 'x' } }] }), ['nodes[0].outputs.success']);
  assert.deepEqual(problemsOf({ ...GOOD, color: 'red' }), ['color']);
  assert.deepEqual(problemsOf({ ...GOOD, nodes: [single, { ...single, outputs: { success: 'x' } }] }).length, 2);
  assert.ok(problemsOf(null).length > 0 && problemsOf([]).length > 0 && problemsOf('x').length > 0);
  const circle: any = { ...GOOD };
  circle.nodes = [circle];
  assert.ok(problemsOf(circle).length > 0);
  assert.throws(() => Validator.dag.validate({ ...GOOD, entrypoint: 'b' }), (error) => error instanceof ValidationError && error.path === 'entrypoint');
});

test('a declared port must be wired', () => {
  const dispatcher = new Dagonizer<Notes>().registerNode(node('a', () => 'x', ['x', 'y']));
  assert.throws(() => dispatcher.registerDAG({ ...GOOD, nodes: [{ '@type': 'SingleNode', name: 'a', node: 'a', outputs: { x: null } }] }), /nodes\[0\]\.outputs\.y/);
});

test('the builder writes what the document says', () => {
  const built = new DAGBuilder('d', '2')
    .node('a', 'one', { success: 'p' }, { timeoutMs: 5, retry: { attempts: 2 } })
    .parallel('p', ['one', 'two'], 'collect', { success: 'f' })
    .fanOut('f', 'one', 'items', { 'all-success': 'd', partial: 'd', 'all-error': null, empty: null }, { concurrency: 2, fanIn: { strategy: 'append', target: 'out' } })
    .deepDAG('d', 'inner', { success: null, error: null }, { stateMapping: { input: { x: 'y' } } })
    .entrypoint('p')
    .build();
  assert.deepEqual([built.entrypoint, built.version, built.nodes.map((one) => one['@type'])], ['p', '2', ['SingleNode', 'ParallelNode', 'FanOutNode', 'DeepDAGNode']]);
  assert.deepEqual(built.nodes[0]!.retry, { attempts: 2 });
  assert.throws(() => new DAGBuilder('d').build(), /no placement/);
  assert.throws(() => new DAGBuilder('d').node('a', 'a', { success: 'nowhere' }).build(), /nowhere/);
});

test('drawings show every placement and every way', () => {
  const dag = new DAGBuilder('d').node('first', 'x', { success: 'second', error: null }).node('second', 'y', { success: null }).build();
  const mermaid = MermaidRenderer.render(dag);
  for (const text of ['first', 'second', 'success', 'error']) assert.ok(mermaid.includes(text), text);
  assert.match(JSON.stringify(CytoscapeRenderer.render(dag)), /first.*second/);
  assert.match(SvgRenderer.render(dag), /^<svg [^]*first[^]*second/);
  const linked = JsonLdRenderer.render(dag);
  assert.ok('@context' in linked);
  assert.throws(() => MermaidRenderer.render({ ...dag, entrypoint: 'none' }), ValidationError);
});
