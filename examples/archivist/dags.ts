// How the nodes are wired.
import { DAGBuilder } from '@noocodex/dagonizer/builder';
import { SCOUTS } from './scouts.ts';

export const SEARCH = new DAGBuilder('book-search')
  .node('extract-query', 'extract-query', { success: 'decide-tools' })
  .node('decide-tools', 'decide-tools', { success: 'scouts' })
  .parallel('scouts', SCOUTS, 'any-success', { success: 'rank', error: null }, { timeoutMs: 30_000 })
  .node('rank', 'rank', { success: 'merge' })
  .node('merge', 'merge', { success: 'record' })
  .node('record', 'record', { success: 'citations' })
  .node('citations', 'citations', { success: null, none: null })
  .build();

export const COMPOSE = new DAGBuilder('compose-loop')
  .node('crl-compose-response', 'compose-response', { success: 'crl-validate-response' })
  .node('crl-validate-response', 'validate-response', { approved: null, retry: 'crl-compose-response', exhausted: null })
  .build();

export const ARCHIVIST = new DAGBuilder('the-archivist')
  .node('recall-context', 'recall-context', { success: 'classify-intent' })
  .node('classify-intent', 'classify-intent', {
    'off-topic': 'compose-loop',
    'on-topic': 'search',
    'lookup-author': 'search',
    'recommend-similar': 'search',
    'find-reviews': 'search',
    'describe-book': 'search',
    'recall-memories': 'recall-memories',
  })
  .deepDAG('search', SEARCH, { success: 'compose-loop', error: 'compose-loop' })
  .deepDAG('compose-loop', COMPOSE, { success: 'respond', error: 'respond' })
  .node('recall-memories', 'recall-memories', { success: 'respond' })
  .node('respond', 'respond', { success: null })
  .build();
