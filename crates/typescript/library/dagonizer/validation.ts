// Checks of what comes from outside. Each `validate` gives the value back, or throws a `ValidationError`.
import type { CheckpointData, DAG, JsonObject } from './entities.ts';
import { ValidationError, type ValidationProblem } from './errors.ts';
import { check, refuse } from './machine.ts';

export interface Check<T> {
  validate(value: unknown): T;
  is(value: unknown): value is T;
  problems(value: unknown): ValidationProblem[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((item) => typeof item === 'string');

const CHECKPOINT_KEYS = ['version', 'dagName', 'cursor', 'state', 'executedNodes', 'skippedNodes'];

function checkpointProblems(value: unknown): ValidationProblem[] {
  if (!isObject(value)) return [{ path: '', message: 'a checkpoint is an object' }];
  const problems: ValidationProblem[] = [];
  const demand = (path: string, good: boolean, message: string): void => {
    if (!good) problems.push({ path, message });
  };
  demand('version', value['version'] === '1', `must be "1", not ${JSON.stringify(value['version'])}; it was written by another release`);
  demand('dagName', typeof value['dagName'] === 'string' && value['dagName'] !== '', 'must be the name of a DAG');
  demand('cursor', typeof value['cursor'] === 'string' && value['cursor'] !== '', 'must name a placement');
  demand('state', isObject(value['state']), 'must be an object');
  demand('executedNodes', isTexts(value['executedNodes']), 'must be an array of names');
  demand('skippedNodes', isTexts(value['skippedNodes']), 'must be an array of names');
  for (const key of Object.keys(value)) demand(key, CHECKPOINT_KEYS.includes(key), 'is not known here');
  return problems;
}

function checkOf<T>(what: string, problems: (value: unknown) => ValidationProblem[], fail?: (value: unknown, found: ValidationProblem[]) => never): Check<T> {
  return Object.freeze({
    problems,
    is: (value: unknown): value is T => problems(value).length === 0,
    validate(value: unknown): T {
      const found = problems(value);
      if (found.length > 0) {
        fail?.(value, found);
        const lines = found.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
        throw new ValidationError(`The ${what} is not valid: ${lines.join('; ')}`, { problems: found, path: found[0]!.path });
      }
      return value as T;
    },
  });
}

function dagProblems(value: unknown): ValidationProblem[] {
  // Strange values (circles, functions) are not JSON, so they are no document.
  try {
    return check(JSON.parse(JSON.stringify(value) ?? 'null')).problems;
  } catch (error) {
    return [{ path: '', message: `it has no JSON form: ${(error as Error).message}` }];
  }
}

export const Validator = Object.freeze({
  dag: checkOf<DAG>('DAG', dagProblems, (value, found) => refuse(isObject(value) ? String(value['name']) : '', found)),
  checkpoint: checkOf<CheckpointData>('checkpoint', checkpointProblems),
  state: checkOf<JsonObject>('state', (value) => (isObject(value) ? [] : [{ path: '', message: 'must be an object' }])),
});
